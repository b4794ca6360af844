"""How rows arrive, asked of real ClickHouse servers that keep a query log: each way in is told as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.core.contact.arrival import QUESTIONS, details, verdict
from flows.core.contact.seen import ClickHouseSeen
from flows.tasks.contact_server import clickhouse_seen
from tests.data_server import clickhouse

QUERY_LOG = """<clickhouse><query_log><database>system</database><table>query_log</table>
<flush_interval_milliseconds>200</flush_interval_milliseconds></query_log></clickhouse>"""
PERSON = "+49 170 1234567"


@pytest.fixture(params=["24.8", "25.8"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A server of this version with one plain table, and one behind a Buffer."""
    settings = tmp_path / "container" / "config.d"
    settings.mkdir(parents=True)
    (settings / "query_log.xml").write_text(QUERY_LOG)
    with clickhouse(tmp_path / "server", request.param) as client:
        client.execute("CREATE TABLE calls (caller String, n UInt32) ENGINE = MergeTree ORDER BY n")
        client.execute("CREATE TABLE front AS calls ENGINE = Buffer(default, calls, 1, 60, 60, 1000, 1000, 1000, 1000)")
        yield client


def engines(seen: ClickHouseSeen) -> list[tuple[str, str]]:
    """Name and engine of every table."""
    return [(name, engine) for name, engine, _, _ in seen.tables]


def test_each_way_in_is_told_and_no_row(server: Any) -> None:
    """Three inserts that wait, five that come in batches, one through the buffer; the caller's number is nowhere."""
    for number in range(3):
        server.execute(f"INSERT INTO calls VALUES ('{PERSON}', {number})")
    plain = clickhouse_seen(server)
    assert verdict(plain.arrival, []).startswith("synchronously: ")
    for number in range(5):
        server.execute(f"INSERT INTO calls VALUES ('{PERSON}', {number})", async_insert=1, wait_for_async_insert=0)
    server.execute(f"INSERT INTO front VALUES ('{PERSON}', 9)")
    server.execute("SYSTEM FLUSH LOGS")
    seen = clickhouse_seen(server)
    assert seen.arrival.trouble == {}
    assert set(seen.arrival.rows) == set(QUESTIONS)
    told = verdict(seen.arrival, engines(seen))
    assert told.startswith("asynchronously: 5 of the inserts since the start")
    assert told.endswith("through 1 Buffer tables: default.front")
    shown = details(seen.arrival)
    assert "| HTTP | 1 | 0 | 5 | in batches |" in shown, shown
    assert "| HTTP | default | default | 4 | 1.0 |" in shown, shown
    assert "| default.calls | " in shown, shown
    assert PERSON not in f"{seen}{shown}"


def test_a_question_that_fails_costs_only_its_own_answer(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where an account may not read a table, or a version does not have it."""
    monkeypatch.setitem(QUESTIONS, "inserts", "SELECT * FROM system.no_such_table")
    seen = clickhouse_seen(server)
    assert "no_such_table" in seen.arrival.trouble["inserts"]
    assert "events" in seen.arrival.rows
