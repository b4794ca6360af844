"""What an audit is asked for, and the audit as it answers that: joined over everything, shown is what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from flows.core.audit.disagree import disagreements
from flows.core.audit.ending import Run
from flows.core.audit.history import KINDS, Log, Past, join
from flows.core.audit.kept import Copy
from flows.core.audit.questions import chosen
from flows.core.audit.sheet import Audit
from flows.core.window import Window

CONTROLS = ("start", "stop", "restart")
CHANGES = ("install", "upgrade", "recreate", *CONTROLS, "remove", "rollback", "rehearse", "reconcile")
"""Every kind of change, as records call them."""


@dataclass(frozen=True)
class Asked:
    """Names of clusters, kinds and endings (none: all), and the first and the last day in UTC (`2027-01-31`, or "").

    Raises `ValueError` for a day that there is not.
    """

    clusters: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    kinds: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for day in filter(None, (self.since, self.until)):
            _begin(day)

    def __str__(self) -> str:
        words = [f"{name}: {', '.join(each)}" for name, each in self._lists if each]
        words += [f"{name} {day}" for name, day in (("from", self.since), ("until", self.until)) if day]
        return f"Asked for {'; '.join(words)}." if words else "Asked for everything."

    @property
    def _lists(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("clusters", self.clusters), ("kinds", self.kinds), ("outcomes", self.outcomes)

    def of(self, past: Iterable[Past]) -> tuple[Past, ...]:
        """The runs that were asked for."""
        # A run that left no record does not tell which of the three it was.
        unknown = (KINDS["control-data-flow"],) if {*CONTROLS} & {*self.kinds} else ()
        return chosen(
            past,
            clusters=self.clusters,
            kinds=(*self.kinds, *unknown),
            ends=self.outcomes,
            since=_begin(self.since) if self.since else 0.0,
            until=_begin(self.until, 1) if self.until else float("inf"),
        )


@dataclass(frozen=True)
class Gathered:
    """What all sources tell: runs as Prefect knows them, logs of control nodes, what artifacts keep, by flow run.

    `windows` are the maintenance windows of today, by cluster.
    """

    runs: tuple[Run, ...] = ()
    logs: tuple[Log, ...] = ()
    copies: Mapping[str, Sequence[Copy]] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)


def audited(gathered: Gathered, asked: Asked, now: float) -> Audit:
    """The audit at this time (seconds since 1970), about the clusters whose logs were gathered."""
    logs = gathered.logs
    past = join(gathered.runs, logs, now, gathered.copies, gathered.damaged)
    if asked.clusters:
        ids = {record.run for log in logs for record in log.records}
        past = tuple(each for each in past if each.cluster in asked.clusters or each.id in ids)
    return Audit(now, str(asked), asked.of(past), logs, disagreements(past, logs), gathered.windows)


def _begin(day: str, later: int = 0) -> float:
    try:
        begin = date.fromisoformat(day) + timedelta(days=later)
    except ValueError as error:
        raise ValueError(f"{day} is no day ({error}): write it as 2027-01-31. Nobody was asked.") from error
    return datetime(begin.year, begin.month, begin.day, tzinfo=UTC).timestamp()
