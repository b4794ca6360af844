"""Buffer tables: rows that wait in memory for another table, which a clean stop writes there and a kill loses."""

from __future__ import annotations

import re

from flows.core.data.engines import collapses
from flows.core.data.found import Found
from flows.core.data.match import Indexed
from flows.core.data.records import DataTable
from flows.core.data.verdict import Word


def compare_buffer(
    found: Found, table: DataTable, before: int | None, after: int | None, old: Indexed, new: Indexed
) -> None:
    """Rows that waited in memory must have arrived in the table behind the buffer."""
    fewer = (before or 0) - (after or 0)
    if fewer <= 0:
        return
    target = destination(table, old)
    there = new.find(target) if target else None
    name = target.key if target else "its destination"
    arrived = (new.rows(there) or 0) - (old.rows(target) or 0) if target and there else 0
    if arrived >= fewer:
        found.shrunk += fewer
        found.note(Word.OK, f"{fewer:,} rows that waited in memory were written to {name}")
    elif target and collapses(target.engine):
        found.shrunk += fewer
        found.note(Word.UNPROVEN, f"{fewer:,} rows that waited in memory went to {name}, which merges equal rows")
    else:
        gone = fewer - max(0, arrived)
        found.shrunk += fewer - gone
        found.note(Word.LOST, f"{gone:,} rows that waited in memory did not arrive in {name}", gone)


def destination(table: DataTable, side: Indexed) -> DataTable | None:
    """The table behind the buffer, as its definition names it."""
    told = re.search(r"ENGINE = Buffer\('?([^',]*)'?, *'?([^',]*)'?", table.ddl)
    if told is None:
        return None
    database = table.database if told[1] in ("", "currentDatabase()") else told[1].strip("`")
    return side.by_name.get(f"{database}.{told[2].strip('`')}")
