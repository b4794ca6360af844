"""The verdict on one table: its parts followed or its rows counted, its definition compared (clickhouse.md 2.2)."""

from __future__ import annotations

from flows.core.data.buffer import compare_buffer, destination
from flows.core.data.engines import Holding, holding
from flows.core.data.follow import follow_parts, mutations_since
from flows.core.data.found import Found
from flows.core.data.match import NO_UUID, Indexed
from flows.core.data.records import DataTable
from flows.core.data.schema import schema_changes
from flows.core.data.trouble import look_for_trouble
from flows.core.data.verdict import TableVerdict, Word

UNCHANGED = "every part is there unchanged"


def judge(
    table: DataTable, now: DataTable | None, old: Indexed, new: Indexed, early: Indexed | None = None
) -> TableVerdict:
    """The verdict on `table`, which is `now` in the second snapshot (`None`: not there)."""
    before = _rows(table, old)
    if now is None:
        return _missing(table, before, new)
    found = Found()
    after = _rows(now, new)
    replaced = table.uuid != now.uuid and not {table.uuid, now.uuid} & NO_UUID
    kept = holding(table)
    if kept is Holding.PARTS and holding(now) is Holding.PARTS and not replaced:
        follow_parts(found, table, now, old, new, early)
    elif kept is Holding.BUFFER:
        compare_buffer(found, table, before, after, old, new)
    elif kept is not Holding.NOTHING:
        _compare_counts(found, kept, before, after)
    if replaced and kept is not Holding.NOTHING:
        found.note(Word.REPLACED_TABLE, "it was made anew (its uuid is another one), so only the counts are comparable")
    _compare_schema(found, table, now, old, new)
    look_for_trouble(found, table, now, before, old, new)
    if table.key != now.key:
        found.why.append(f"it is named {now.key} now")
    return _verdict(found, table, before, after)


def _verdict(found: Found, table: DataTable, before: int | None, after: int | None) -> TableVerdict:
    if holding(table) is Holding.COUNTED and Word.UNREADABLE in found.words:
        after = None  # the engine goes on telling the old number
    grew = _grown(found, before, after)
    word = max(found.words, key=lambda each: each.rank, default=Word.OK)
    kept = holding(table)
    calm = "it holds no rows of its own" if kept in (Holding.NOTHING, Holding.QUEUE) else UNCHANGED
    if kept in (Holding.COUNTED, Holding.VOLATILE, Holding.BUFFER):
        calm = "as many rows as before" if before is not None else "its engine does not tell its rows"
    why = "; ".join(found.why) or (f"{grew:,} new rows" if grew else calm)
    return TableVerdict(table.key, word, before, after, grew, found.lost, why, found.destructive)


def _grown(found: Found, before: int | None, after: int | None) -> int:
    """How many rows are new: what is there now, less what was there and was not lost or removed."""
    more = 0 if before is None or after is None else after - before + found.lost + found.shrunk
    if more > 0:
        found.words.append(Word.GREW)
    elif more < 0 and Word.OK in found.words:
        # Equal rows were merged, and deep mode proved that the content is the same.
        found.words.append(Word.SHRANK_EXPLAINED)
    elif more < 0 and Word.UNPROVEN not in found.words:
        found.note(Word.LOST, f"{-more:,} rows fewer and nothing explains it", -more)
    return max(0, more)


def _rows(table: DataTable, side: Indexed) -> int | None:
    """The table's own rows; `None` where it holds none or does not tell."""
    kept = holding(table)
    if kept in (Holding.NOTHING, Holding.QUEUE):
        return None
    rows = side.rows(table)
    if kept is Holding.BUFFER and rows is not None:
        target = destination(table, side)
        return max(0, rows - (side.rows(target) or 0)) if target else rows
    return rows


def _missing(table: DataTable, before: int | None, new: Indexed) -> TableVerdict:
    for aside in new.snapshot.detached_tables:
        if aside.uuid == table.uuid or f"{aside.database}.{aside.table}" == table.key:
            why = "the table is detached (DETACH TABLE): its rows are on disk, but cannot be read until it is attached"
            return TableVerdict(table.key, Word.UNREADABLE, before, None, 0, before or 0, why)
    why = "the table is gone: neither its uuid nor its name is there"
    return TableVerdict(table.key, Word.MISSING, before, None, 0, before or 0, why)


def _compare_counts(found: Found, kept: Holding, before: int | None, after: int | None) -> None:
    if before is None or kept is Holding.QUEUE:
        return
    if after is None:
        found.note(Word.UNPROVEN, "its rows could be counted before, but not now")
    elif after < before and kept is Holding.VOLATILE:
        found.shrunk += before - after
        found.note(Word.VOLATILE_RESET, f"it lives in memory and lost {before - after:,} rows with the restart")
    elif after < before:
        found.note(Word.LOST, f"it has {before - after:,} rows fewer and nothing explains it", before - after)


def _compare_schema(found: Found, table: DataTable, now: DataTable, old: Indexed, new: Indexed) -> None:
    changes = schema_changes(
        table, now, old.columns.get(table.key, ()), new.columns.get(now.key, ()), mutations_since(table, now, old, new)
    )
    if changes:
        found.destructive = any(change.destructive for change in changes) and holding(table) is not Holding.NOTHING
        found.note(Word.SCHEMA_CHANGED, ", ".join(change.text for change in changes))
