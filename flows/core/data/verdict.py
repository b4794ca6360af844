"""The outcome of a comparison: one word and one sentence for each table, and for all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SERVER = "(server)"
"""Stands in the place of a table's name where a verdict is about the whole server."""


class Word(StrEnum):
    """What became of a table, from harmless to worst."""

    OK = "OK"
    GREW = "GREW"
    NEW_TABLE = "NEW_TABLE"
    MUTATED = "MUTATED"
    VOLATILE_RESET = "VOLATILE_RESET"
    SHRANK_EXPLAINED = "SHRANK_EXPLAINED"
    SCHEMA_CHANGED = "SCHEMA_CHANGED"
    SUSPECT_ERROR = "SUSPECT_ERROR"
    UNPROVEN = "UNPROVEN"
    REPLACED_TABLE = "REPLACED_TABLE"
    LOST = "LOST"
    MISSING = "MISSING"
    UNREADABLE = "UNREADABLE"
    WRONG_DATA_DIR = "WRONG_DATA_DIR"

    @property
    def rank(self) -> int:
        """0 for the most harmless."""
        return list(Word).index(self)


class Severity(StrEnum):
    """What a word means for the change."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"

    @property
    def rank(self) -> int:
        """0 for `ok`."""
        return list(Severity).index(self)


_SEVERITY = {
    **dict.fromkeys((Word.OK, Word.GREW, Word.NEW_TABLE), Severity.OK),
    **dict.fromkeys((Word.MUTATED, Word.VOLATILE_RESET, Word.SHRANK_EXPLAINED), Severity.NOTE),
    **dict.fromkeys((Word.SCHEMA_CHANGED, Word.SUSPECT_ERROR, Word.UNPROVEN, Word.REPLACED_TABLE), Severity.WARNING),
    **dict.fromkeys((Word.LOST, Word.MISSING, Word.UNREADABLE, Word.WRONG_DATA_DIR), Severity.FAILURE),
}


@dataclass(frozen=True)
class TableVerdict:
    """What became of one table; rows are `None` where the engine does not tell them.

    `destructive`: its schema changed so that values may be gone, which is a failure whatever else is true.
    """

    table: str
    word: Word
    rows_before: int | None
    rows_after: int | None
    grew: int
    lost: int
    why: str
    destructive: bool = False

    @property
    def severity(self) -> Severity:
        """What it means for the change."""
        return Severity.FAILURE if self.destructive else _SEVERITY[self.word]


@dataclass(frozen=True)
class Verdict:
    """What became of all tables."""

    tables: tuple[TableVerdict, ...]

    @property
    def worst(self) -> TableVerdict | None:
        """The table (or server) that decides; `None` when there is none."""
        return max(self.tables, key=lambda each: (each.severity.rank, each.word.rank), default=None)

    @property
    def severity(self) -> Severity:
        """The worst of all tables."""
        return self.worst.severity if self.worst else Severity.OK

    @property
    def word(self) -> Word:
        """The word of the worst table."""
        return self.worst.word if self.worst else Word.OK

    @property
    def failed(self) -> bool:
        """Whether rows are lost or cannot be read, as far as can be told."""
        return self.severity is Severity.FAILURE

    @property
    def lost(self) -> int:
        """Rows that were there before and cannot be read now."""
        return sum(each.lost for each in self.tables)

    @property
    def summary(self) -> str:
        """One line that a person can read aloud."""
        tables = [each for each in self.tables if each.table != SERVER]
        before, after = (sum(n or 0 for n in each) for each in _columns(tables))
        figures = f"{before:,} rows before, {after:,} after"
        grew = sum(each.grew for each in tables)
        figures += f", {grew:,} of them new" if grew else ""
        worst = self.worst
        if worst is None or worst.severity is Severity.OK:
            return f"Nothing was lost: {_count(len(tables), 'table')}, {figures}"
        named = [each for each in self.tables if each.severity is worst.severity]
        names = ", ".join(f"{each.table} {each.word}" for each in named[:3])
        names += f" and {len(named) - 3} more" if len(named) > 3 else ""
        beginning = {
            Severity.NOTE: "Nothing was lost; what changed is explained",
            Severity.WARNING: "Not everything is proven",
            Severity.FAILURE: f"{_count(self.lost, 'row')} lost or not readable"
            if self.lost
            else "The data is not whole",
        }[worst.severity]
        return f"{beginning}: {names} ({_count(len(tables), 'table')}, {figures})"


def _columns(tables: list[TableVerdict]) -> tuple[list[int | None], list[int | None]]:
    return [each.rows_before for each in tables], [each.rows_after for each in tables]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
