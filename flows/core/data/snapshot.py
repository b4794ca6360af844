"""What ClickHouse held at one moment: tables, parts, columns and what else proves or explains a difference.

Plain values. The JSON form is versioned and compact (names once, then rows of values), because a store of 3,000 parts
is kept as text on the control node.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar

from flows.core.data.engines import Holding, holding
from flows.core.data.records import (
    RECORDS,
    Column,
    DataTable,
    Detached,
    DetachedTable,
    FailedLoad,
    Mutation,
    Named,
    Part,
    Replica,
    ServerError,
    Waiting,
)

FORMAT = 1
"""Raised when an older reader could not read a newer text; a reader accepts every older one."""

T = TypeVar("T")

Fingerprints = dict[str, dict[str, tuple[int, int]]]
"""Table -> partition -> number of rows and sum of their hashes."""


@dataclass(frozen=True)
class DataSnapshot:
    """Everything read at one moment; `taken_at` is the server's clock, seconds since 1970."""

    taken_at: float
    version: str
    server_uuid: str
    uptime: int = 0
    tables: tuple[DataTable, ...] = ()
    parts: tuple[Part, ...] = ()
    columns: tuple[Column, ...] = ()
    detached: tuple[Detached, ...] = ()
    mutations: tuple[Mutation, ...] = ()
    detached_tables: tuple[DetachedTable, ...] = ()
    failed_loads: tuple[FailedLoad, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    replicas: tuple[Replica, ...] = ()
    errors: tuple[ServerError, ...] = ()
    others: tuple[Named, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)  # table -> why it (or a part) could not be read
    fingerprints: Fingerprints | None = None  # None: not a deep snapshot
    fingerprinted: dict[str, str] = field(default_factory=dict)  # table -> over which columns, with their types

    @property
    def rows(self) -> int:
        """Rows of all tables that hold their own, as far as they are known."""
        parted = {table.key for table in self.tables if holding(table) is Holding.PARTS}
        own = (table for table in self.tables if holding(table) in (Holding.COUNTED, Holding.VOLATILE))
        real = (part for part in self.parts if part.active and not part.is_patch)
        in_parts = sum(part.rows for part in real if part.table_key in parted)
        return in_parts + sum(table.known_rows or 0 for table in own)


def as_json(snapshot: DataSnapshot) -> str:
    """The snapshot as one line of text."""
    plain = {each.name: getattr(snapshot, each.name) for each in fields(snapshot) if each.name not in RECORDS}
    lists = {name: _packed(kind, getattr(snapshot, name)) for name, kind in RECORDS.items()}
    return json.dumps({"format": FORMAT, **plain, **lists}, separators=(",", ":"))


def from_json(text: str) -> DataSnapshot:
    """The snapshot of this text; raises `ValueError` for a text that is none, or of a newer form than we know."""
    try:
        read = json.loads(text)
        if read["format"] > FORMAT:
            raise ValueError(f"form {read['format']} of the data snapshot is newer than this release ({FORMAT})")
        known = {each.name for each in fields(DataSnapshot)}
        values = {name: value for name, value in read.items() if name in known and name not in RECORDS}
        lists: dict[str, Any] = {name: _unpacked(kind, read[name]) for name, kind in RECORDS.items() if name in read}
        if values.get("fingerprints") is not None:
            values["fingerprints"] = {
                table: {partition: (int(n), int(h)) for partition, (n, h) in found.items()}
                for table, found in values["fingerprints"].items()
            }
        return DataSnapshot(**values, **lists)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no data snapshot: {error!r}") from error


def _packed(kind: type[Any], records: Iterable[Any]) -> dict[str, Any]:
    names = [each.name for each in fields(kind)]
    return {"names": names, "rows": list(map(attrgetter(*names), records))}


def _unpacked(kind: type[T], packed: dict[str, Any]) -> tuple[T, ...]:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    use = [name in known for name in packed["names"]]
    if all(use) and packed["names"] == [each.name for each in fields(kind)]:  # type: ignore[arg-type]
        return tuple(kind(*row) for row in packed["rows"])
    return tuple(
        kind(**{name: value for name, value, used in zip(packed["names"], row, use, strict=True) if used})
        for row in packed["rows"]
    )
