"""ClickHouse's answers as values: figures may come quoted, flags as 0 and 1, and unknown stays unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

from flows.core.data.records import RECORDS

T = TypeVar("T")
Row = dict[str, Any]

_MAKE: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "str": str,
    # Older versions give UInt8 for a flag; a quoted "0" would be true.
    "bool": lambda value: bool(int(value)),
    "int | None": lambda value: None if value is None else int(value),
}
_ABSENT: dict[str, Any] = {"int": 0, "str": "", "bool": False, "int | None": None}


def read(kind: type[T], rows: Iterable[Row]) -> tuple[T, ...]:
    """One value for each row, taken by the names of the fields; a field that was not asked for keeps its default."""
    rows = list(rows)
    if not rows:
        return ()
    known = [(each.name, str(each.type)) for each in fields(kind) if each.name in rows[0]]  # type: ignore[arg-type]
    makers = [(name, _MAKE[told], _ABSENT[told]) for name, told in known]
    return tuple(
        kind(**{name: absent if row[name] is None else make(row[name]) for name, make, absent in makers})
        for row in rows
    )


def records(name: str, rows: Iterable[Row]) -> tuple[Any, ...]:
    """The list `name` of a snapshot, from the rows that answered its question."""
    return read(RECORDS[name], rows)
