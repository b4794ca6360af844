"""An audit as tables: the answers to what auditors ask, every run in one line, and all that for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flows.core.audit.history import Log, Past
from flows.core.audit.questions import last_upgrades, longest_downtimes, outside_window, versions, with_lowered
from flows.core.audit.record import ChangeRecord
from flows.core.findings import Finding, Level
from flows.core.window import Window
from flows.core.words import duration, utc


@dataclass(frozen=True)
class Audit:
    """One audit: when it was made (seconds since 1970), what was asked for in words, and what was found."""

    made: float
    scope: str
    past: tuple[Past, ...] = ()
    logs: tuple[Log, ...] = ()
    findings: tuple[Finding, ...] = ()
    windows: Mapping[str, Window] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """What it comes to."""
        levels = {finding.level for finding in self.findings}
        if Level.ERROR in levels:
            return "the sources do NOT agree"
        return "the sources agree, with open questions" if Level.WARNING in levels else "the sources agree"


@dataclass(frozen=True)
class Sheet:
    """A table with a title, and what is said where it has no row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "None."


RUN_COLUMNS = (
    *("started", "ended", "cluster", "kind", "ending", "why", "requested_by", "ticket", "reason", "triggered_by"),
    *("approved_by", "approved_at", "lowered", "outside_window", "clickhouse_before", "clickhouse_after"),
    *("rows_before", "rows_after", "rows_lost", "verdict", "downtime_s", "duration_s", "script_exit_code"),
    *("script_sha256", "plan", "software", "attempts", "run", "name"),
)
"""The columns of the CSV, in this order; a new one goes behind the last."""


def sheets(audit: Audit) -> Iterator[Sheet]:
    """Everything that is told as a table, the most urgent first."""
    order = list(Level)
    found = sorted(audit.findings, key=lambda each: (order.index(each.level), each.id))
    disagreed = tuple((str(f.level), f.id, f.message, f.hint) for f in found)
    yield Sheet(
        "Disagreements", ("level", "finding", "what", "what to do"), disagreed, "Prefect, logs and hosts tell the same."
    )
    yield Sheet("Audit logs", ("cluster", "what the log proves"), tuple(_proofs(audit.logs)))
    upgrades = tuple(_upgrade(cluster, run) for cluster, run in last_upgrades(audit.past).items() if cluster)
    yield Sheet("Last upgrade of every cluster", ("cluster", "when", "from", "to", "by", "run"), upgrades)
    lowered = tuple((*_which(each), _by(each), ", ".join(ids)) for each, ids in with_lowered(audit.past))
    yield Sheet("Runs in which a finding was lowered", ("when", "cluster", "run", "by", "findings"), lowered)
    down = tuple((*_which(each), duration(seconds)) for each, seconds in longest_downtimes(audit.past))
    yield Sheet("Longest downtimes", ("when", "cluster", "run", "ClickHouse did not answer for"), down)
    ran = tuple((v.cluster, utc(v.since), v.pbx, v.clickhouse, v.run.name) for v in versions(audit.past))
    yield Sheet("Every version that ran", ("cluster", "since", "Data Flow", "ClickHouse", "known by"), ran)
    outside = tuple((*_which(each), why) for each, why in outside_window(audit.past, audit.windows))
    yield Sheet("Changes outside the maintenance window", ("when", "cluster", "run", "by whose word"), outside)


def every_run(past: Iterable[Past]) -> Sheet:
    """All runs, for people; the CSV has more columns."""
    rows = tuple(
        (*_which(each), each.kind, str(each.ending.word), _by(each), _downtime(each), _verdict(each)) for each in past
    )
    return Sheet("All runs", ("when", "cluster", "run", "kind", "ending", "by", "downtime", "rows"), rows)


def csv_text(rows: Iterable[Mapping[str, object]]) -> str:
    """Every run (`run_values`) as comma-separated values, times in UTC; no spreadsheet takes a cell for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(RUN_COLUMNS)
    for values in rows:
        writer.writerow([_cell(values[name]) for name in RUN_COLUMNS])
    return text.getvalue()


def run_values(past: Past) -> dict[str, object]:
    """One run as plain values by column; None where it is not known."""
    record = past.record
    values: dict[str, object] = {
        **dict.fromkeys(RUN_COLUMNS),
        "started": utc(past.started),
        "ended": utc(past.ended) if past.ended is not None else None,
        "cluster": past.cluster,
        "kind": past.kind,
        "ending": str(past.ending.word),
        "why": past.ending.why,
        "attempts": past.run.attempts if past.run else len(past.records),
        "run": past.id,
        "name": past.name,
        "triggered_by": past.run.trigger.how if past.run else None,
        "duration_s": round(past.ended - past.started, 3) if past.ended is not None else None,
    }
    return {**values, **_recorded(record)} if record else values


def _recorded(record: ChangeRecord) -> dict[str, object]:
    approval, script = record.approval, record.script
    return {
        "requested_by": record.requested_by,
        "ticket": record.ticket,
        "reason": record.reason,
        "triggered_by": record.trigger.how,
        "approved_by": approval.name if approval and approval.approved else None,
        "approved_at": approval.when if approval and approval.approved else None,
        "lowered": " ".join(found.id for found in record.lowered),
        "outside_window": record.outside_window,
        "clickhouse_before": record.engine_before,
        "clickhouse_after": record.engine_after,
        "rows_before": _sum(row.before for row in record.rows),
        "rows_after": _sum(row.after for row in record.rows),
        "rows_lost": sum(row.lost for row in record.rows) if record.verdict else None,
        "verdict": record.verdict,
        "downtime_s": record.downtime,
        "script_exit_code": script.exit_code if script else None,
        "script_sha256": script.sha256 if script else None,
        "plan": record.plan,
        "software": record.software,
    }


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _cell(value: object) -> object:
    """A text that begins like a formula gets an apostrophe in front, which spreadsheets do not show."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _proofs(logs: Sequence[Log]) -> Iterator[tuple[str, str]]:
    for log in logs:
        yield log.cluster, log.proof.summary if log.proof else f"not read: {log.trouble}"


def _upgrade(cluster: str, past: Past | None) -> tuple[str, ...]:
    if past is None or past.record is None:
        return (cluster, "never, as far as is known", "", "", "", "")
    record = past.record
    return (cluster, utc(past.started), record.engine_before, record.engine_after, _by(past), past.name)


def _which(past: Past) -> tuple[str, str, str]:
    return utc(past.started), past.cluster or "not told", past.name


def _by(past: Past) -> str:
    record = past.record
    if record is None:
        return "not known"
    approved = f", approved by {record.approval.name}" if record.approval and record.approval.approved else ""
    return (record.requested_by or "nobody named") + approved


def _downtime(past: Past) -> str:
    record = past.record
    return duration(record.downtime) if record and record.downtime is not None else ""


def _verdict(past: Past) -> str:
    return past.record.verdict if past.record else ""
