"""What one check leaves for the next: rows of a table, which are the history of findings as well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.core.audit.chain import Head, noted
from flows.core.health.trend import Point
from flows.core.words import utc

if TYPE_CHECKING:  # a check remembers the one before it
    from flows.core.health.check import Check

TREND = "trend"
"""The id of the last row, which is ours: the points, the drift that stands, and the head of the audit log."""

MOST_WORDS = 400
"""Characters of a finding's message in the history; the report of its check has all of it."""


@dataclass(frozen=True)
class Memory:
    """A check as the next one remembers it: `levels` are ids of findings with their word, `at` is UTC text."""

    at: str
    word: str
    levels: tuple[tuple[str, str], ...]
    points: tuple[Point, ...]
    drifted: frozenset[str]


def rows(check: Check, words: dict[Any, str]) -> list[dict[str, str]]:
    """The rows to store; `words` are those for levels."""
    at = utc(check.time)
    own: dict[str, Any] = {"points": [point.as_list() for point in check.points], "drift": sorted(check.drifted)}
    own |= {"head": str(check.head)} if check.head else {}
    found = [
        {"time": at, "id": f.id, "level": words[f.level], "message": f.message[:MOST_WORDS]} for f in check.findings
    ]
    last = {"time": at, "id": TREND, "level": str(check.word), "message": json.dumps(own, separators=(",", ":"))}
    return [*found, last]


def remembered(data: Any) -> Memory | None:
    """Read what `rows` made; None for anything else: then this check is the first one again."""
    try:
        stored: Sequence[dict[str, str]] = json.loads(data) if isinstance(data, str) else data
        *found, last = stored
        own = json.loads(last["message"])
        if last["id"] != TREND:
            return None
        return Memory(
            last["time"],
            last["level"],
            tuple((row["id"], row["level"]) for row in found),
            tuple(Point(*values) for values in own["points"]),
            frozenset(own["drift"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def head_in(data: Any, where: str) -> Head | None:
    """The head of the audit log that a check noted in its rows; None where it noted none. `where` that is, in words."""
    try:
        stored: Sequence[dict[str, str]] = json.loads(data) if isinstance(data, str) else data
        return noted(json.loads(stored[-1]["message"])["head"], where)
    except (LookupError, TypeError, ValueError):
        return None
