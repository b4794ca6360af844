"""What reads rows or files, not only metadata: CHECK TABLE and the fingerprints of deep mode (clickhouse.md 2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from blocks.clickhouse import ClickHouseClient
from flows.core.data.engines import Holding, holding, must_be_checked
from flows.core.data.fingerprint import fingerprint_question, over
from flows.core.data.match import Indexed
from flows.core.data.questions import CORRUPTION_CODES, check_question
from flows.core.data.records import DataTable, Part
from flows.core.data.snapshot import DataSnapshot
from flows.core.data.traces import identity
from flows.errors import APIError

NO_SUCH_PART = 232

# The question may take longer than the client waits for a line: the server says every 10 s that it is at work.
_LONG = {"send_progress_in_http_headers": 1, "http_headers_progress_interval_ms": 10_000}


def fingerprints(clickhouse: ClickHouseClient, snapshot: DataSnapshot, like: DataSnapshot) -> DataSnapshot:
    """The snapshot with a fingerprint of every table that keeps rows on disk, over the columns of `like`.

    A table whose files are damaged becomes unreadable; one whose columns cannot be hashed stays without.
    """
    before = Indexed(like)
    found: dict[str, dict[str, tuple[int, int]]] = {}
    made_over: dict[str, str] = {}
    unreadable = dict(snapshot.unreadable)
    for table in snapshot.tables:
        same = before.find(table) or table
        columns = before.columns.get(same.key, []) or Indexed(snapshot).columns.get(table.key, [])
        question = fingerprint_question(table, columns)
        if holding(table) not in (Holding.PARTS, Holding.COUNTED) or table.engine == "Set" or not question:
            continue
        try:
            rows = clickhouse.query(question, **_LONG)
        except APIError as error:
            if error.code in CORRUPTION_CODES and table.counted != 0:
                unreadable.setdefault(table.key, said(error))
            continue
        found[table.key] = {str(row["__fp_p"]): (int(row["__fp_n"]), int(row["__fp_h"])) for row in rows}
        made_over[table.key] = over(columns)
    return replace(snapshot, fingerprints=found, fingerprinted=made_over, unreadable=unreadable)


def check_logs(clickhouse: ClickHouseClient, tables: Iterable[DataTable]) -> dict[str, str]:
    """The damaged tables of the Log family, whose row count stays as it was; looks at file sizes only."""
    found = {}
    for table in tables:
        if must_be_checked(table.engine) and (trouble := _check(clickhouse, table.database, table.name)):
            found[table.key] = trouble
    return found


def check_parts(clickhouse: ClickHouseClient, before: DataSnapshot, after: DataSnapshot) -> DataSnapshot:
    """`after` with what CHECK TABLE finds in the parts that are not the same as before: reads all of their files.

    Parts that are the same are not read: their checksums are known to be the same, not their bytes.
    """
    known = {identity(part) for part in before.parts}
    unreadable = dict(after.unreadable)
    for part in after.parts:
        if part.active and identity(part) not in known and part.table_key not in unreadable:
            trouble = _check_part(clickhouse, part)
            if trouble:
                unreadable[part.table_key] = trouble
    return replace(after, unreadable=unreadable)


def _check_part(clickhouse: ClickHouseClient, part: Part) -> str:
    trouble = _check(clickhouse, part.database, part.table, part.name)
    return f"CHECK TABLE of part {part.name}: {trouble}" if trouble else ""


def _check(clickhouse: ClickHouseClient, database: str, table: str, part: str = "") -> str:
    """What CHECK TABLE says is wrong, "" when nothing is."""
    try:
        rows = clickhouse.query(check_question(database, table, part), check_query_single_value_result=0, **_LONG)
    except APIError as error:
        # A part that was merged away since it was listed was read by that merge.
        return "" if error.code == NO_SUCH_PART else said(error)
    bad = [row for row in rows if not int(row["is_passed"])]
    return _told(bad[0]) if bad else ""


def said(error: APIError) -> str:
    """ClickHouse's own sentence out of an error, without the JSON that may be around it."""
    told = re.search(r"DB::Exception: (.*?)(?: \(version |$)", error.answer, re.DOTALL)
    return (told[1] if told else error.answer)[:300].replace("\\/", "/")


def _told(row: dict[str, Any]) -> str:
    return f"{row['part_path']}: {row['message'] or 'damaged'}"
