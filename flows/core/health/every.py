"""What a check of all clusters says: one line for each, and one word and sentence for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flows.core.health.check import Word


class Line(NamedTuple):
    """How one cluster is: its name, the word, and the message of its check."""

    cluster: str
    word: Word
    message: str

    def as_row(self) -> dict[str, str]:
        """As the table of the run has it."""
        return {"cluster": self.cluster, "health": str(self.word), "message": self.message}


def of_block(cluster: str, trouble: str) -> Line:
    """A cluster that nobody could look at, for its block is of no use: as bad as one that is down."""
    return Line(cluster, Word.CRITICAL, f"critical: not checked: {trouble}")


def word_of(lines: Sequence[Line]) -> Word:
    """The worst of all; without any cluster it is a warning, since nothing was looked at."""
    words = {line.word for line in lines} or {Word.WARNING}
    return next(word for word in (Word.CRITICAL, Word.WARNING, Word.OK) if word in words)


def said(lines: Sequence[Line]) -> str:
    """One sentence for the run's state: how many are how, and each that is not ok by its name and its message."""
    if not lines:
        return "warning: no cluster is saved, so none was checked"
    counts = [(word, sum(line.word is word for line in lines)) for word in (Word.CRITICAL, Word.WARNING, Word.OK)]
    counted = ", ".join(f"{count} {word}" for word, count in counts if count)
    bad = sorted((line for line in lines if line.word is not Word.OK), key=lambda line: line.word is Word.WARNING)
    named = "".join(f"; {line.cluster}: {line.message}" for line in bad)
    return f"{word_of(lines)}: {counted} of {len(lines)} clusters{named}"
