"""What an audit draws: changes by month, why runs failed, and how duration, downtime and rows went."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.core.audit.ending import End
from flows.core.audit.history import Past
from flows.core.audit.questions import longest_downtimes

MOST_BARS = 24
"""Months, or reasons, that a chart shows; the tables have all."""

MOST_CLUSTERS = 8
"""Clusters whose rows are drawn, each for itself."""

_BAD = frozenset({End.REFUSED, End.FAILED, End.CANCELLED, End.DIED, End.SERVER_AWAY, End.STILL_RUNNING, End.NO_ANSWER})


@dataclass(frozen=True)
class Chart:
    """Either counts by name, or values over time (seconds since 1970), perhaps joined by a line; never empty."""

    title: str
    counts: Mapping[str, float] = field(default_factory=dict)
    values: Sequence[tuple[float, float]] = ()
    joined: bool = False


def charts(past: Sequence[Past]) -> tuple[Chart, ...]:
    """All of them that have something to show."""
    changed = [each for each in past if each.record and each.record.changed]
    months = Counter(f"{datetime.fromtimestamp(each.started, UTC):%Y-%m}" for each in changed)
    reasons = Counter(_reason(each) for each in past if each.ending.word in _BAD)
    took = [(p.started, p.ended - p.started) for p in changed if p.ended is not None]
    down = [(each.started, seconds) for each, seconds in longest_downtimes(past, len(past))]
    every = (
        Chart("Changes by month", dict(sorted(months.items())[-MOST_BARS:])),
        Chart("Why runs failed", dict(reasons.most_common(MOST_BARS))),
        Chart("Duration of changes (seconds)", values=took),
        Chart("Downtime of ClickHouse (seconds)", values=down),
        *(Chart(f"Rows of {name}", values=rows, joined=True) for name, rows in _rows(changed).items()),
    )
    return tuple(chart for chart in every if chart.counts or chart.values)


def _reason(past: Past) -> str:
    """The stage that failed where the record tells one, else the ending."""
    stages = past.record.stages if past.record else ()
    return next((stage.step for stage in stages if stage.result == "failed"), str(past.ending.word))


def _rows(past: Sequence[Past]) -> dict[str, list[tuple[float, float]]]:
    """Rows after each change by cluster, those with most changes first."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in past:
        if each.record and any(row.after for row in each.record.rows):
            found[each.cluster].append((each.started, sum(row.after or 0 for row in each.record.rows)))
    return dict(sorted(found.items(), key=lambda pair: -len(pair[1]))[:MOST_CLUSTERS])
