"""Compares two snapshots of the same ClickHouse: what became of every table, and why (clickhouse.md 2.2, 2.3)."""

from __future__ import annotations

from flows.core.data.judge import judge
from flows.core.data.match import NO_UUID, Indexed
from flows.core.data.snapshot import DataSnapshot
from flows.core.data.verdict import SERVER, TableVerdict, Verdict, Word


def compare(before: DataSnapshot, after: DataSnapshot, *, early: DataSnapshot | None = None) -> Verdict:
    """A verdict for every table of either snapshot.

    `early` was taken the moment the server's tables were loaded, before anybody could write much: it shows what was
    read after the restart, which later merges hide.
    """
    old, new = Indexed(before), Indexed(after)
    first = Indexed(early) if early is not None and _same_folder(before, early) else None
    matched, verdicts = set(), []
    for table in before.tables:
        now = new.find(table)
        matched.add(now.key if now else "")
        verdicts.append(judge(table, now, old, new, first))
    verdicts += [_new_table(key, new) for key in new.by_name if key not in matched]
    return Verdict((*_about_the_server(before, after), *sorted(verdicts, key=lambda each: each.table)))


def _about_the_server(before: DataSnapshot, after: DataSnapshot) -> list[TableVerdict]:
    found = []
    if not _same_folder(before, after):
        why = (
            f"this ClickHouse is another one: its data folder has the uuid {after.server_uuid}, the one before had "
            f"{before.server_uuid}; a wrong folder is mounted, or an empty one was made anew"
        )
        found.append(TableVerdict(SERVER, Word.WRONG_DATA_DIR, before.rows, after.rows, 0, 0, why))
    for load in after.failed_loads:
        why = f"{load.job} failed: {load.exception}"
        found.append(TableVerdict(SERVER, Word.UNREADABLE, None, None, 0, 0, why))
    counted = _new_errors(before, after)
    if counted:
        why = "ClickHouse has met errors since its start that damaged files cause: " + "; ".join(counted)
        found.append(TableVerdict(SERVER, Word.SUSPECT_ERROR, None, None, 0, 0, why))
    return found


def _new_errors(before: DataSnapshot, after: DataSnapshot) -> list[str]:
    """The errors counted since the server's start, or since the first snapshot when it was not restarted."""
    same_process = after.taken_at - after.uptime <= before.taken_at
    known = {error.name: error.count for error in before.errors} if same_process else {}
    return [
        f"{error.name} ({error.count - known.get(error.name, 0)} times, last: {error.message[:200]})"
        for error in after.errors
        if error.count > known.get(error.name, 0)
    ]


def _same_folder(before: DataSnapshot, after: DataSnapshot) -> bool:
    unknown = {before.server_uuid, after.server_uuid} & NO_UUID
    return bool(unknown) or before.server_uuid == after.server_uuid


def _new_table(key: str, new: Indexed) -> TableVerdict:
    rows = new.rows(new.by_name[key])
    return TableVerdict(key, Word.NEW_TABLE, None, rows, rows or 0, 0, "it was not there before")
