"""What may explain that fewer rows are there: TTL, deletions, engines that merge equal rows (clickhouse.md 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from flows.core.data.engines import collapses, may_collapse_to_nothing
from flows.core.data.records import DataTable, Mutation, Part
from flows.core.data.traces import Case
from flows.core.data.verdict import Word

Explanation = tuple[Word, str]


def shrinkage(case: Case, cover: Part, sources: Sequence[Part]) -> Explanation | None:
    """Why `cover` has fewer rows than its sources had; `None` when nothing explains it."""
    lowest = min(part.ver for part in sources)
    if deletions := ids(m for m in case.mutations if deletes(m) and lowest < m.ver <= cover.ver):
        return Word.SHRANK_EXPLAINED, f"deleted by {deletions}"
    empty = cover.rows == 0
    due = [part for part in sources if _due(case, part.ttl_max if empty else part.ttl_min)]
    if due and (not empty or len(due) == len(sources)):
        return Word.SHRANK_EXPLAINED, "expired by the table's TTL"
    if any(part.lwd for part in sources):
        # An empty part may also be what DROP PARTITION leaves.
        word = Word.UNPROVEN if empty else Word.SHRANK_EXPLAINED
        return word, "deleted before already (a lightweight delete) and removed by a merge"
    if collapses(case.engine) and (not empty or may_collapse_to_nothing(case.engine)):
        return Word.UNPROVEN if empty else Word.SHRANK_EXPLAINED, f"merged by the engine {case.engine}"
    if case.loose_ttl:
        return Word.UNPROVEN, "perhaps expired by the table's TTL, which leaves no date in the parts"
    return None


def disappearance(case: Case, part: Part, emptied: bool) -> Explanation | None:
    """Why a whole part is gone; `emptied`: an empty part in its place was seen. `None` when nothing explains it."""
    if _due(case, part.ttl_max):
        return Word.SHRANK_EXPLAINED, "expired by the table's TTL"
    if deletions := ids(m for m in case.mutations if deletes(m) and m.ver > part.ver):
        if emptied:
            return Word.SHRANK_EXPLAINED, f"deleted by {deletions}"
        return Word.UNPROVEN, f"gone as a whole: perhaps deleted by {deletions}"
    if emptied and (part.lwd or may_collapse_to_nothing(case.engine)):
        return Word.UNPROVEN, "perhaps removed by a merge that left no row"
    if case.loose_ttl:
        return Word.UNPROVEN, "perhaps expired by the table's TTL, which leaves no date in the parts"
    return None


def deletes(mutation: Mutation) -> bool:
    """Whether rows may be gone after this mutation."""
    command = mutation.command.upper().lstrip("( ")
    return command.startswith(("DELETE", "MATERIALIZE TTL", "APPLY DELETED MASK")) or "_ROW_EXISTS" in command


def ids(mutations: Iterable[Mutation]) -> str:
    """The mutations' names, shortened when they are many; "" without any."""
    names = list(dict.fromkeys(mutation.id for mutation in mutations))
    return f"mutation{'s' if len(names) > 1 else ''} {listed(names)}" if names else ""


def listed(names: Sequence[str], most: int = 3) -> str:
    """A few names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def ttl_of(table: DataTable) -> tuple[bool, bool]:
    """Whether whole rows of the table expire, and whether by a rule that leaves no date in the parts."""
    storage = table.ddl.partition(" ENGINE = ")[2]
    clause = re.search(r" TTL (.*?)(?: SETTINGS |$)", storage, re.DOTALL)
    return bool(clause), bool(clause and re.search(r"\b(WHERE|GROUP BY)\b", clause[1]))


def _due(case: Case, when: int) -> bool:
    return case.has_ttl and 0 < when <= case.now
