"""Where Prefect, the audit logs and the hosts tell different stories: each disagreement is a finding."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import accumulate

from flows.core.audit.ending import End, is_final
from flows.core.audit.history import Log, Past, moment
from flows.core.audit.record import ChangeRecord
from flows.core.findings import Finding, Level
from flows.core.numbers import AUDIT_SLACK, AUDIT_UNENDED
from flows.core.words import utc

_HINTS = {
    "audit.log-not-read": (Level.ERROR, "Settle why, and audit again: of this cluster only Prefect's word was heard."),
    "audit.chain-broken": (
        Level.ERROR,
        "Somebody with access to pbx01 changed its log. The artifacts of the runs hold the records as they were.",
    ),
    "audit.half-written": (Level.NOTE, "Nothing, where pbx01 was rebooted or its disk was full at that time."),
    "audit.record-not-understood": (Level.WARNING, "Update this worker: a newer version wrote the line."),
    "audit.record-gone": (Level.ERROR, "Ask who has access to pbx01: the log was put back or written anew."),
    "audit.artifact-differs": (Level.ERROR, "Believe the log where its chain is whole; ask who has access to Prefect."),
    "audit.contradiction": (Level.ERROR, "Open the run: states can be set by hand in the UI. The record holds."),
    "audit.artifact-gone": (
        Level.WARNING,
        "Believe the log where its chain is whole; ask who has access to Prefect, or whether it was away at that time.",
    ),
    "audit.run-without-record": (Level.ERROR, "Look at the run's logs; what it did stands in its run folder on pbx01."),
    "audit.half-recorded": (Level.WARNING, "Run reconcile-data-flow: it settles what a dead run left, and records it."),
    "audit.before-the-log": (Level.NOTE, "Nothing: they ran before these flows wrote records."),
    "audit.record-without-run": (
        Level.WARNING,
        "Somebody deleted runs, a retention did, or Prefect's database was lost: the log holds what they did.",
    ),
    "audit.no-log": (Level.NOTE, "Nothing, where that cluster was given up: only Prefect's word was heard of it."),
    "audit.by-hand": (
        Level.WARNING,
        "Ask who did it and why. Run check-data-flow-health: it tells what differs from the last recorded change.",
    ),
    "audit.traces-not-read": (
        Level.WARNING,
        "Settle why, and audit again: whether somebody ran the script by hand is not known.",
    ),
}
FINDINGS = {name: level for name, (level, _) in _HINTS.items()}
"""Every id that is made here, with its level."""

MOST_NAMED = 10
"""Runs of a cluster that get a finding of their own for one reason; the others are counted."""

_NEVER_WORKED = frozenset({End.COLLISION, End.NOT_VALID, End.WAITING, End.RUNNING})


def disagreements(past: Sequence[Past], logs: Sequence[Log]) -> tuple[Finding, ...]:
    """All of them, by cluster. `past` is all of it: where some runs were left out, their traces look like handwork."""
    found = [finding for log in logs for finding in _of_log(log, _belonging(log, past))]
    read = {log.cluster for log in logs if log.proof is not None}
    found += [finding for each in past for finding in _of_run(each, each.cluster in read or bool(each.logged))]
    asked = {log.cluster for log in logs}
    if lost := [each for each in past if not each.logged and each.cluster not in asked]:
        found.append(_finding("audit.no-log", f"{_few(lost)}: of no cluster whose block is saved"))
    return tuple(found)


def _belonging(log: Log, past: Sequence[Past]) -> list[Past]:
    """Runs with records in this log, whatever its cluster was called then, and those that should have some there."""
    ids = {record.run for record in log.records}
    return [p for p in past if p.id in ids or (not p.logged and p.cluster == log.cluster)]


def _finding(name: str, message: str) -> Finding:
    level, hint = _HINTS[name]
    return Finding(name, level, message, hint)


def _of_log(log: Log, past: Sequence[Past]) -> Iterator[Finding]:
    where = f"{log.cluster}: "
    if log.proof is None:
        yield _finding("audit.log-not-read", f"{where}the audit log on pbx01 could not be read: {log.trouble}")
        return
    for fault in log.proof.faults:
        yield _finding("audit.chain-broken", where + fault.message)
    for note in log.proof.notes:
        yield _finding("audit.half-written", where + note)
    for number, why in log.unread:
        yield _finding("audit.record-not-understood", f"{where}line {number}: {why}")
    yield from _runs(log, past)
    yield from _by_hand(log, past)
    if log.untraced:
        yield _finding("audit.traces-not-read", f"{where}no traces of the script were looked for: {log.untraced}")


def _runs(log: Log, past: Sequence[Past]) -> Iterator[Finding]:
    began = _began(log)
    missing = [each for each in past if _misses_a_record(each)]
    if early := [each for each in missing if each.started < began]:
        yield _finding("audit.before-the-log", f"{log.cluster}: older than the log: {_few(early)}")
    dead = [each for each in missing if each.ending.word in (End.DIED, End.SERVER_AWAY)]
    for name, runs in (
        ("audit.half-recorded", [each for each in dead if each.started >= began]),
        ("audit.run-without-record", [each for each in missing if each.started >= began and each not in dead]),
    ):
        for each in runs[:MOST_NAMED]:
            yield _finding(name, f"{_which(each)}: {each.ending.word}, and no record of it ({each.ending.why})")
        if more := runs[MOST_NAMED:]:
            yield _finding(name, f"{log.cluster}: no record of {_few(more)} either")
    if orphans := [each for each in past if each.run is None and each.logged]:
        yield _finding("audit.record-without-run", f"{log.cluster}: Prefect does not know {_few(orphans)}")


def _began(log: Log) -> float:
    """When the first record was made; all runs should be in a log whose beginning somebody touched."""
    if log.proof and any(fault.first == 1 for fault in log.proof.faults):
        return 0.0
    return min((moment(record.started) for record in log.records), default=float("inf"))


def _misses_a_record(past: Past) -> bool:
    run, word = past.run, past.ending.word
    if run is None or run.started is None or past.kind == "reconcile" or word in _NEVER_WORKED:
        return False
    if any(is_final(copy.record, run) for copy in past.copies):  # told by `_of_run`, where the log has it not
        return False
    return past.record is None or not (is_final(past.record, run) or word is End.NO_ANSWER)


def _of_run(past: Past, log_read: bool) -> Iterator[Finding]:
    if past.ending.contradiction:
        yield _finding("audit.contradiction", f"{_which(past)}: {past.ending.contradiction}")
    if past.damaged:
        yield _finding("audit.artifact-differs", f"{_which(past)}: {past.damaged}")
    logged = {record.id: record for record in past.records if record.id in past.logged}
    gone = past.logged - {copy.record.id for copy in past.copies}
    if past.run is not None and gone and not past.damaged and past.ending.word is not End.RUNNING:
        yield _finding("audit.artifact-gone", f"{_which(past)}: no artifact keeps record {', '.join(sorted(gone))}")
    for copy, head in past.copies if log_read else ():
        there = logged.get(copy.id)
        if there is None and head:
            yield _finding("audit.record-gone", f"{_which(past)}: an artifact holds record {copy.id}, the log does not")
        elif there is None and copy.changed:  # a look at a cluster that was never changed leaves nothing there
            yield _finding("audit.half-recorded", f"{_which(past)}: its record is in its artifact only, not in the log")
        elif there is not None and there != copy:
            names = ", ".join(differing(there, copy))
            message = f"{_which(past)}: log and artifact tell different things: {names}"
            yield _finding("audit.artifact-differs", message)


def differing(one: ChangeRecord, other: ChangeRecord) -> tuple[str, ...]:
    """The fields in which two records differ."""
    return tuple(each.name for each in fields(ChangeRecord) if getattr(one, each.name) != getattr(other, each.name))


def _by_hand(log: Log, past: Sequence[Past]) -> Iterator[Finding]:
    """Traces that no run of ours was at work for; before the first record nothing can be told."""
    began = _began(log)
    ids = {each.id for each in past}
    worked = [each for each in past if _worked(each)]  # they stand in the order of their starts
    starts = [each.started - AUDIT_SLACK for each in worked]
    ends = [*accumulate((_until(each) + AUDIT_SLACK for each in worked), max)]
    for trace in sorted(log.traces, key=lambda each: each.at):
        before = bisect_right(starts, trace.at)
        explained = trace.run in ids if trace.run else before > 0 and trace.at <= ends[before - 1]
        if trace.at >= began and not explained:
            message = f"{log.cluster}: {trace.what}, {utc(trace.at)}: no run of these flows was at work then"
            yield _finding("audit.by-hand", message)


def _worked(past: Past) -> bool:
    if past.ending.word in _NEVER_WORKED - {End.RUNNING}:
        return False
    if past.record is None:  # it may have done anything; but a reconcile that had nothing to do leaves no record
        return past.kind != "reconcile" or past.ending.word is not End.DONE
    return past.record.late or any(record.changed for record in past.records)


def _until(past: Past) -> float:
    """A script goes on after the end of its run, so the end of one that died is not the end of its traces."""
    if past.ended is None or past.ending.word in (End.DIED, End.SERVER_AWAY, End.STILL_RUNNING, End.CANCELLED):
        return max(past.ended or 0, past.started + AUDIT_UNENDED)
    return past.ended


def _which(past: Past) -> str:
    return f"{past.cluster or 'a cluster that it does not tell'}: {past.name}, {utc(past.started)} (run {past.id})"


def _few(past: Sequence[Past]) -> str:
    count = f"{len(past):,} run{'' if len(past) == 1 else 's'}"
    named = ", ".join(f"{each.name} ({utc(each.started)})" for each in past[:3])
    return f"{count}: {named}" + (f" and {len(past) - 3} more" if len(past) > 3 else "")
