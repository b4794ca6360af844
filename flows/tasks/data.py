"""Reads what ClickHouse holds, waits for it to be quiet, and flushes what is still in memory (clickhouse.md 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from blocks.clickhouse import ClickHouseClient
from flows.core.data import questions
from flows.core.data.answers import read, records
from flows.core.data.engines import must_be_counted
from flows.core.data.records import DataTable, ServerError
from flows.core.data.snapshot import DataSnapshot
from flows.core.numbers import COUNT_WAIT
from flows.core.tables import LOADING, loading_trouble
from flows.errors import APIError
from flows.tasks.data_deep import check_logs, fingerprints, said

NOT_LOADED = 722
NO_FILE = 107


def read_data(clickhouse: ClickHouseClient, *, deep: bool = False, like: DataSnapshot | None = None) -> DataSnapshot:
    """What ClickHouse holds now: metadata only, so that the cost follows the number of parts.

    `deep` reads every row as well, for a fingerprint of the content over the columns that `like` had (the snapshot to
    compare with; without it over those of now). Raises `APIError` when a table is not loaded: pass the gate first.
    """
    try:
        return _read(clickhouse, deep, like)
    except APIError as error:
        if error.code != NOT_LOADED:
            raise
        table = _unloaded(clickhouse) or error.answer
        hint = "Its rows cannot be read: start no writer on this data, keep the restore point, and ask for help."
        tried = "reading what the tables hold"
        raise APIError(clickhouse.where, tried, f"did not load: {table}", hint, error.status, error.code) from error


def _read(clickhouse: ClickHouseClient, deep: bool, like: DataSnapshot | None) -> DataSnapshot:
    server = clickhouse.query(questions.SERVER)[0]
    existing = {row["name"] for row in clickhouse.query(questions.EXISTING)}
    asked = {name: clickhouse.query(sql) for name, sql in questions.OPTIONAL.items() if name in existing}
    tables: tuple[DataTable, ...] = read(DataTable, clickhouse.query(questions.TABLES))
    parts = records("parts", clickhouse.query(questions.PARTS))
    # After the parts: what took a part away in between is then known, and not the other way round.
    lists: dict[str, Any] = {
        "parts": parts,
        "columns": records("columns", clickhouse.query(questions.COLUMNS)),
        "detached": records("detached", clickhouse.query(questions.DETACHED)),
        "mutations": records("mutations", clickhouse.query(questions.MUTATIONS)),
        "errors": _not_by_us(records("errors", clickhouse.query(questions.ERRORS)), tables),
        "others": records("others", clickhouse.query(questions.OTHERS)),
        "detached_tables": records("detached_tables", asked.get("detached_tables", [])),
        "failed_loads": records("failed_loads", asked.get("asynchronous_loader", [])),
        "replicas": records("replicas", asked.get("replicas", [])),
        "waiting": records("waiting", asked.get("distribution_queue", []) + asked.get("asynchronous_inserts", [])),
    }
    unreadable: dict[str, str] = {}
    tables = tuple(_counted(clickhouse, table, unreadable) for table in tables)
    unreadable |= check_logs(clickhouse, tables)
    snapshot = DataSnapshot(
        taken_at=float(server["now"]),
        version=str(server["version"]),
        server_uuid=str(server["server_uuid"]),
        uptime=int(server["uptime"]),
        tables=tables,
        unreadable=unreadable,
        **lists,
    )
    return fingerprints(clickhouse, snapshot, like or snapshot) if deep else snapshot


def _counted(clickhouse: ClickHouseClient, table: DataTable, unreadable: dict[str, str]) -> DataTable:
    """The table with its rows counted, where its engine does not tell them."""
    if not must_be_counted(table):
        return table
    try:
        question = questions.count_question(table.database, table.name)
        counted = int(clickhouse.query(question, max_execution_time=COUNT_WAIT)[0]["__fp_n"])
    except APIError as error:
        if table.engine != "File" or error.code != NO_FILE:
            unreadable[table.key] = said(error)
            return table
        counted = 0  # nothing was ever written to it
    return replace(table, counted=counted)


def _not_by_us(errors: Iterable[ServerError], tables: Iterable[DataTable]) -> tuple[ServerError, ...]:
    """Without the error that counting an empty table of the engine File makes the server note."""
    files = [table.uuid for table in tables if table.engine == "File"]
    return tuple(each for each in errors if each.code != NO_FILE or not any(uuid in each.message for uuid in files))


def _unloaded(clickhouse: ClickHouseClient) -> str:
    """Which tables failed to load and why, as the server's loader tells."""
    failed = clickhouse.query(questions.FAILED_LOADS)
    names = {(re.search(r"(?:table|database) (\S+)", row["job"]) or [row["job"]] * 2)[1] for row in failed}
    first = " ".join(failed[0]["exception"].split())[:300] if failed else ""
    return f"{', '.join(sorted(names)[:5])}: {first}" if names else ""


def quiet(clickhouse: ClickHouseClient) -> str:
    """Why ClickHouse is not at rest, "" when it is: tables still loading, mutations not done."""
    left, failed = loading_trouble(clickhouse.query(LOADING))
    if failed:
        return f"a table did not load: {failed}"
    if left:
        return f"{left} tables or parts of them are still loading"
    rows = clickhouse.query(questions.UNFINISHED)
    told = [f"{row['id']} of {row['database']}.{row['table']} ({row['parts_to_do']} parts to do)" for row in rows]
    fail = next((f"; the last attempt failed: {row['fail']}" for row in rows if row["fail"]), "")
    more = f" and {len(told) - 3} more" if len(told) > 3 else ""
    return f"mutations are not done: {', '.join(told[:3])}{more}{fail[:300]}" if told else ""


def flush(clickhouse: ClickHouseClient) -> str:
    """Write out what ClickHouse still holds in memory or queues: asynchronous inserts, Distributed, Buffer.

    Returns what was flushed, in words. Stop the writer first, else there is more at once.
    """
    clickhouse.execute("SYSTEM FLUSH ASYNC INSERT QUEUE")
    rows = clickhouse.query(questions.ENGINES)
    done = ["asynchronous inserts"]
    for verb, engine in (("OPTIMIZE TABLE", "Buffer"), ("SYSTEM FLUSH DISTRIBUTED", "Distributed")):
        for row in rows:
            if row["engine"] == engine:
                clickhouse.execute(f"{verb} {questions.quoted(row['database'], row['name'])}")
                done.append(f"{row['database']}.{row['name']}")
    return ", ".join(done)
