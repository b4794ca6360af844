"""What the server itself says about a table: reads that failed, broken queues, a replica that only reads."""

from __future__ import annotations

from flows.core.data.engines import Holding, holding
from flows.core.data.found import Found
from flows.core.data.match import Indexed
from flows.core.data.records import DataTable
from flows.core.data.verdict import Word


def look_for_trouble(
    found: Found, table: DataTable, now: DataTable, before: int | None, old: Indexed, new: Indexed
) -> None:
    """What the server itself says about the table: reads that failed, broken queues, a replica that only reads."""
    trouble = new.snapshot.unreadable.get(now.key, "")
    if trouble and table.key not in old.snapshot.unreadable:
        counted = holding(table) is Holding.COUNTED and not found.lost
        found.note(Word.UNREADABLE, f"it cannot be read: {trouble}", (before or 0) if counted else 0)
    here = (now.database, now.name)
    was = (table.database, table.name)
    _queue(found, here, was, old, new)
    _replica(found, here, was, old, new)


def _queue(found: Found, here: tuple[str, str], was: tuple[str, str], old: Indexed, new: Indexed) -> None:
    earlier = sum(each.broken for each in old.snapshot.waiting if (each.database, each.table) == was)
    broken = sum(each.broken for each in new.snapshot.waiting if (each.database, each.table) == here)
    if broken > earlier:
        found.note(Word.UNREADABLE, f"{broken:,} files of its send queue are broken")


def _replica(found: Found, here: tuple[str, str], was: tuple[str, str], old: Indexed, new: Indexed) -> None:
    earlier = next((each for each in old.snapshot.replicas if (each.database, each.table) == was), None)
    for replica in (each for each in new.snapshot.replicas if (each.database, each.table) == here):
        if replica.readonly and not (earlier and earlier.readonly):
            found.note(Word.UNREADABLE, "its replica is read-only: it cannot reach Keeper or its data differs")
        if replica.lost_parts > (earlier.lost_parts if earlier else 0):
            found.note(Word.UNREADABLE, f"its replica counts {replica.lost_parts:,} lost parts")
