"""Which table of the second snapshot is which table of the first: by uuid, because names can be moved, then by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

from flows.core.data.records import Column, DataTable, Detached, Mutation, Part
from flows.core.data.snapshot import DataSnapshot

NO_UUID = frozenset({"", "00000000-0000-0000-0000-000000000000"})
"""What a server without an identity of its own tells, and a table of a database without uuids."""

T = TypeVar("T")


class Indexed:
    """A snapshot with its lists grouped by table, so that a comparison is linear in the number of parts."""

    def __init__(self, snapshot: DataSnapshot) -> None:
        self.snapshot = snapshot
        self.by_name = {table.key: table for table in snapshot.tables}
        self.by_uuid = {table.uuid: table for table in snapshot.tables if table.uuid not in NO_UUID}

    def find(self, table: DataTable) -> DataTable | None:
        """The same table here, perhaps under another name; by name only when the uuid is not known here."""
        if table.uuid not in NO_UUID and table.uuid in self.by_uuid:
            return self.by_uuid[table.uuid]
        return self.by_name.get(table.key)

    @cached_property
    def parts(self) -> dict[str, tuple[list[Part], list[Part]]]:
        """Active and inactive parts of each table."""
        found: dict[str, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
        for part in self.snapshot.parts:
            found[part.table_key][0 if part.active else 1].append(part)
        return found

    @cached_property
    def columns(self) -> dict[str, list[Column]]:
        """Columns of each table, in order."""
        return _by(self.snapshot.columns, lambda each: f"{each.database}.{each.table}")

    @cached_property
    def mutations(self) -> dict[str, list[Mutation]]:
        """Mutations of each table."""
        return _by(self.snapshot.mutations, lambda each: f"{each.database}.{each.table}")

    @cached_property
    def detached(self) -> dict[str, list[Detached]]:
        """Detached parts of each table."""
        return _by(self.snapshot.detached, lambda each: f"{each.database}.{each.table}")

    def rows(self, table: DataTable) -> int | None:
        """Rows of a table: the sum of its parts, or what the engine tells."""
        if table.engine.endswith("MergeTree"):
            return sum(part.rows for part in self.parts[table.key][0] if not part.is_patch)
        return table.known_rows


def _by(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found
