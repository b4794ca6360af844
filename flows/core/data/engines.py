"""What each engine means for counting rows: `total_rows` is exact, double, stale or absent (clickhouse.md 2.5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Holding(StrEnum):
    """Where the rows of a table are, and so how they are compared."""

    PARTS = "parts"  # MergeTree: proved part by part
    COUNTED = "counted"  # on disk, but only a number tells about them
    VOLATILE = "volatile"  # in memory: gone with every restart
    BUFFER = "buffer"  # in memory, on the way to another table, whose rows `total_rows` counts as well
    QUEUE = "queue"  # Distributed: files on the way to other servers
    NOTHING = "nothing"  # a view, or rows that are kept elsewhere


class _Engined(Protocol):
    @property
    def engine(self) -> str: ...
    @property
    def total_rows(self) -> int | None: ...
    @property
    def has_own_data(self) -> bool: ...


_COUNTED = frozenset({"Log", "TinyLog", "StripeLog", "Set", "Join", "File", "EmbeddedRocksDB"})
_NOTHING = frozenset({"View", "MaterializedView", "LiveView", "WindowView", "Dictionary", "Merge", "Null"})
_LOGS = frozenset({"Log", "TinyLog", "StripeLog"})
_NEVER_EMPTY = ("Replacing", "Aggregating", "Graphite", "Coalescing")  # a merge leaves one row of each key
_MAY_EMPTY = ("Summing", "Collapsing", "VersionedCollapsing")  # a merge may leave none


def holding(table: _Engined) -> Holding:
    """Where the rows of this table are."""
    engine = table.engine
    if engine.endswith("MergeTree"):
        return Holding.PARTS
    if engine in ("Memory", "Buffer", "Distributed"):
        return {"Memory": Holding.VOLATILE, "Buffer": Holding.BUFFER, "Distributed": Holding.QUEUE}[engine]
    if engine in _COUNTED:
        return Holding.COUNTED
    if engine in _NOTHING or not table.has_own_data or table.total_rows is None:
        return Holding.NOTHING
    return Holding.COUNTED


def must_be_counted(table: _Engined) -> bool:
    """Whether only `count()` tells its rows."""
    return table.engine in _COUNTED and table.total_rows is None


def must_be_checked(engine: str) -> bool:
    """Whether `total_rows` stays as it was even when the data file is damaged; CHECK TABLE looks at sizes only."""
    return engine in _LOGS


def is_replicated(engine: str) -> bool:
    """Whether Keeper numbers its blocks: such numbers are never used again."""
    return engine.startswith(("Replicated", "Shared"))


def collapses(engine: str) -> bool:
    """Whether a merge may leave fewer rows than it read."""
    return _base(engine).startswith((*_NEVER_EMPTY, *_MAY_EMPTY))


def may_collapse_to_nothing(engine: str) -> bool:
    """Whether a merge may leave no row at all."""
    return _base(engine).startswith(_MAY_EMPTY)


def _base(engine: str) -> str:
    return engine.removeprefix("Replicated").removeprefix("Shared")
