"""The tables of the Data Flow database: the questions to ClickHouse, and their rows as values.

Sources: clickhouse.md 2.1 and 2.5 (`total_rows` is exact for MergeTree, double for Buffer, absent for others).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SERVER = "SELECT version() AS version, toString(serverUUID()) AS server_uuid, uptime() AS uptime"
"""Who answers; the uuid proves which data folder is mounted."""

LOADING = "SELECT status, count() AS jobs, any(exception) AS exception FROM system.asynchronous_loader GROUP BY status"
"""How far the tables are loaded: `/ping` answers long before (clickhouse.md 2.4)."""

TABLES = """
SELECT t.database AS database, t.name AS name, t.engine AS engine, t.total_rows AS total_rows,
       t.total_bytes AS total_bytes, t.has_own_data AS has_own_data, p.parts_n AS parts
FROM system.tables AS t
LEFT JOIN (SELECT database, table, count() AS parts_n FROM system.parts WHERE active GROUP BY database, table) AS p
    ON p.database = t.database AND p.table = t.name
WHERE NOT t.is_temporary AND t.database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA')
ORDER BY database, name
"""
"""Every user table with its physical rows; metadata only, so its cost follows parts, not rows."""

_NO_ROWS_OF_THEIR_OWN = frozenset(
    {
        "View",
        "MaterializedView",
        "LiveView",
        "WindowView",
        "Dictionary",
        "Merge",
        "Distributed",
        "Null",
        "Buffer",
    }
)


@dataclass(frozen=True)
class Table:
    """One table: physical rows (`None` where the engine does not know), bytes on disk, active parts."""

    database: str
    name: str
    engine: str
    rows: int | None
    bytes: int
    parts: int


@dataclass(frozen=True)
class Tables:
    """What the database held at one moment: server version, identity of the data folder, tables."""

    version: str
    server_uuid: str
    tables: tuple[Table, ...]

    @property
    def rows(self) -> int:
        """Physical rows of all tables that know theirs."""
        return sum(table.rows or 0 for table in self.tables)


def loading_trouble(rows: Sequence[dict[str, Any]]) -> tuple[int, str]:
    """How many load jobs are still open, and the first failure's text ("" without one)."""
    open_jobs = sum(int(row["jobs"]) for row in rows if row["status"] in ("PENDING", "EXECUTING"))
    failed = next((str(row["exception"]) for row in rows if row["status"] in ("FAILED", "CANCELED")), "")
    return open_jobs, failed


def read_tables(server: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Tables:
    """Build the value from the answers to `SERVER` and `TABLES`; views and the like hold no rows of their own."""
    tables = tuple(
        Table(
            database=row["database"],
            name=row["name"],
            engine=row["engine"],
            rows=None if row["total_rows"] is None else int(row["total_rows"]),
            bytes=int(row["total_bytes"] or 0),
            parts=int(row["parts"] or 0),
        )
        for row in rows
        if row["engine"] not in _NO_ROWS_OF_THEIR_OWN
    )
    return Tables(server["version"], server["server_uuid"], tables)
