"""What happened: runs as Prefect tells them, the logs of the control nodes and the traces on the hosts, joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.core.audit.ending import Ending, Run, ending
from flows.core.audit.kept import Copy
from flows.core.audit.record import ChangeRecord
from flows.core.audit.verify import ChainProof

KINDS = {
    "install-data-flow": "install",
    "upgrade-data-flow": "upgrade",
    "recreate-data-flow": "recreate",
    "control-data-flow": "start, stop or restart",
    "remove-data-flow": "remove",
    "rollback-data-flow": "rollback",
    "rehearse-upgrade-data-flow": "rehearse",
    "reconcile-data-flow": "reconcile",
}
"""The flows that write records, and their kinds; runs of other flows on the same server are none of our business."""


@dataclass(frozen=True)
class Trace:
    """What the vendor's script left on a host: when (seconds since 1970) and what, in words.

    `run` is the flow run's id where it is a run folder of ours, which says for sure whose the script was.
    """

    at: float
    what: str
    run: str = ""


@dataclass(frozen=True)
class Log:
    """The audit log of one control node; `proof` is None where it could not be read, and `trouble` says why.

    `unread` are the lines whose record this version does not understand, as number and reason; `untraced` says why the
    hosts could not be searched for traces of the script, "" where they were.
    """

    cluster: str
    proof: ChainProof | None = None
    records: tuple[ChangeRecord, ...] = ()
    traces: tuple[Trace, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()
    trouble: str = ""
    untraced: str = ""


@dataclass(frozen=True)
class Past:
    """One run with all records of it; at least one of the two is there.

    `records` are those of the log and those that only artifacts keep, the oldest first; `logged` are the ids of the
    first ones.
    `copies` are what artifacts keep of them, and `damaged` says which artifact is not what a run keeps of its record.
    """

    run: Run | None
    records: tuple[ChangeRecord, ...]
    ending: Ending
    logged: frozenset[str] = frozenset()
    copies: tuple[Copy, ...] = ()
    damaged: str = ""

    @property
    def record(self) -> ChangeRecord | None:
        """The last one, which holds."""
        return self.records[-1] if self.records else None

    @property
    def id(self) -> str:
        """The flow run's."""
        return self.run.id if self.run else self.records[-1].run

    @property
    def name(self) -> str:
        """What it is called."""
        return self.run.name if self.run else self.records[-1].name or self.id

    @property
    def cluster(self) -> str:
        """Of which cluster; "" where nobody told."""
        return self.records[-1].cluster if self.records else self.run.cluster if self.run else ""

    @property
    def kind(self) -> str:
        """What was to be done."""
        return self.records[-1].kind if self.records else KINDS[self.run.flow] if self.run else ""

    @property
    def started(self) -> float:
        """Seconds since 1970; of a run that never began, when it was made."""
        if self.run:
            return self.run.started or self.run.created
        return moment(self.records[0].started)

    @property
    def ended(self) -> float | None:
        """Seconds since 1970; None: nobody saw its end."""
        if self.run and self.run.ended:
            return self.run.ended
        return moment(self.records[-1].ended) if self.records else None


def moment(text: str) -> float:
    """Seconds since 1970 of a record's time."""
    return datetime.fromisoformat(text).timestamp()


def join(
    runs: Iterable[Run],
    logs: Sequence[Log],
    now: float,
    copies: Mapping[str, Sequence[Copy]] | None = None,
    damaged: Mapping[str, str] | None = None,
) -> tuple[Past, ...]:
    """Every run of ours with its records, and every record whose run Prefect does not know; the oldest first.

    `copies` and `damaged` are what artifacts keep, by flow run; the oldest artifact of a run first.
    """
    records: defaultdict[str, list[ChangeRecord]] = defaultdict(list)
    for record in (record for log in logs for record in log.records):
        if record not in records[record.run]:  # two blocks can mean the same pbx01
            records[record.run].append(record)
    known = {run.id: run for run in runs if run.flow in KINDS}
    kept, broken = copies or {}, damaged or {}
    past = [
        _past(known.get(each), records.get(each, []), tuple(kept.get(each, ())), broken.get(each, ""), now)
        for each in {**known, **records, **kept}
    ]
    return tuple(sorted(past, key=lambda each: (each.started, each.id)))


def _past(run: Run | None, records: list[ChangeRecord], copies: tuple[Copy, ...], damaged: str, now: float) -> Past:
    logged = frozenset(record.id for record in records)
    # Of a cluster whose pbx01 does not answer, or is gone, the artifacts still tell what was done.
    only = [copy.record for copy in copies if copy.record.id not in logged]
    # What pbx01 could not be told in time stands in the log behind what came after it.
    believed = tuple(sorted((*records, *only), key=lambda record: record.ended))
    return Past(run, believed, ending(run, believed[-1] if believed else None, now), logged, copies, damaged)
