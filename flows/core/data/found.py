"""What is found out about one table, piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.core.data.verdict import Word


@dataclass
class Found:
    """The findings about one table: the worst word counts, every sentence is told."""

    words: list[Word] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    lost: int = 0
    shrunk: int = 0
    destructive: bool = False

    def note(self, word: Word, why: str, lost: int = 0) -> None:
        """Add one finding."""
        self.words.append(word)
        self.why.append(why)
        self.lost += lost
