"""What ClickHouse answers becomes tables: rows that are not known stay unknown, views hold none."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core.tables import Table, loading_trouble, read_tables

SERVER = {"version": "25.8.1.1", "server_uuid": "u-1"}


def row(name: str, engine: str = "MergeTree", **more: Any) -> dict[str, Any]:
    """One line of the answer."""
    return {
        "database": "default",
        "name": name,
        "engine": engine,
        "total_rows": 5,
        "total_bytes": 100,
        "parts": 2,
        **more,
    }


def test_every_table_with_rows_of_its_own_is_read() -> None:
    """Figures may come quoted, as some versions give them."""
    tables = read_tables(SERVER, [row("cdr", total_rows="200000", total_bytes="4096", parts="3"), row("x")])
    assert (tables.version, tables.server_uuid) == ("25.8.1.1", "u-1")
    assert tables.tables == (
        Table("default", "cdr", "MergeTree", 200000, 4096, 3),
        Table("default", "x", "MergeTree", 5, 100, 2),
    )


NO_ROWS_OF_THEIR_OWN: list[str] = ["View", "MaterializedView", "Distributed", "Buffer", "Dictionary", "Merge"]


def test_what_shows_rows_of_others_is_left_out() -> None:
    """Else rows would be counted twice."""
    for engine in NO_ROWS_OF_THEIR_OWN:
        assert read_tables(SERVER, [row("v", engine)]).tables == ()


def test_unknown_rows_are_not_zero_rows() -> None:
    """An engine that cannot tell is shown as such, and adds nothing to the sum."""
    tables = read_tables(SERVER, [row("log", "File", total_rows=None, total_bytes=None, parts=None), row("cdr")])
    assert tables.tables[0].rows is None
    assert (tables.tables[0].bytes, tables.tables[0].parts) == (0, 0)
    assert tables.rows == 5


def test_an_empty_table_has_zero_rows() -> None:
    """Zero is known."""
    assert read_tables(SERVER, [row("new", total_rows=0)]).tables[0].rows == 0


def test_open_load_jobs_are_counted() -> None:
    """Those that wait and those at work; the rest is done."""
    rows = [
        {"status": "PENDING", "jobs": "2", "exception": ""},
        {"status": "EXECUTING", "jobs": 1, "exception": ""},
        {"status": "OK", "jobs": 40, "exception": ""},
    ]
    assert loading_trouble(rows) == (3, "")
    assert loading_trouble([]) == (0, "")


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_a_table_that_failed_to_load_is_told(status: str) -> None:
    """Waiting does not mend it."""
    rows = [{"status": "OK", "jobs": 1, "exception": ""}, {"status": status, "jobs": 1, "exception": "broken part"}]
    assert loading_trouble(rows) == (0, "broken part")
