"""Small snapshots for the tests of the verdicts: one table, a few parts, everything else as usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.core.data.compare import compare
from flows.core.data.records import Column, DataTable, Mutation, Part
from flows.core.data.snapshot import DataSnapshot
from flows.core.data.verdict import TableVerdict

NOW = 1_790_000_000
UUID = "5f3c8a1e-0000-4000-8000-000000000001"
DDL = "CREATE TABLE default.cdr (`a` UInt32) ENGINE = {} ORDER BY a SETTINGS index_granularity = 8192"
TTL_DDL = "CREATE TABLE default.cdr (`a` UInt32, `d` Date) ENGINE = MergeTree ORDER BY a TTL d + toIntervalDay(1)"


def part(name: str, rows: int = 100, content: str = "", **more: Any) -> Part:
    """A part by its name, partition_min_max_level[_mutation]; `content` stands for the hash."""
    words = name.split("_")
    minb, maxb, level = (int(word) for word in words[1:4])
    values = {"ver": int(words[4]) if len(words) > 4 else minb, "hash": content or f"hash of {name}", **more}
    return Part("default", values.pop("table", "cdr"), words[0], name, rows, minb, maxb, level, **values)


def table(engine: str = "MergeTree", **more: Any) -> DataTable:
    """A table named cdr."""
    usual = {"uuid": UUID, "ddl": DDL.format(engine), "sorting_key": "a", "primary_key": "a"}
    return DataTable("default", more.pop("name", "cdr"), engine=engine, **{**usual, **more})


def column(name: str, told: str = "UInt32", kind: str = "") -> Column:
    """A column of cdr."""
    return Column("default", "cdr", name, told, kind)


def mutation(version: int, command: str, done: bool = True) -> Mutation:
    """A mutation of cdr."""
    return Mutation("default", "cdr", f"mutation_{version}.txt", command, NOW, version, 0 if done else 1, done)


def store(
    parts: Sequence[Part] = (), tables: Sequence[DataTable] | None = None, engine: str = "MergeTree", **more: Any
) -> DataSnapshot:
    """A snapshot of one table with these parts, unless other tables are given."""
    usual = {"taken_at": float(NOW), "version": "25.8.2.1", "server_uuid": "server", "uptime": 100}
    found = (table(engine),) if tables is None else tuple(tables)
    return DataSnapshot(**{**usual, "tables": found, "parts": tuple(parts), **more})


def verdict(before: DataSnapshot, after: DataSnapshot, early: DataSnapshot | None = None) -> TableVerdict:
    """The verdict on the one table."""
    (found,) = compare(before, after, early=early).tables
    return found
