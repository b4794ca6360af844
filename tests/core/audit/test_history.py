"""The audit's joins: what became of each run, and where Prefect, the logs and the hosts tell different stories."""

from __future__ import annotations

from dataclasses import replace

from flows.core.audit.disagree import FINDINGS, differing, disagreements
from flows.core.audit.ending import End, Ending, Run, ending
from flows.core.audit.history import Log, Trace, join
from flows.core.audit.kept import Copy
from flows.core.audit.record import ChangeRecord
from flows.core.audit.verify import verify
from flows.core.numbers import AUDIT_SLACK, AUDIT_UNENDED
from flows.core.words import utc
from tests.core.audit.records import START, past
from tests.core.audit.test_chain import HEADS, LINES, TEXT

HOUR = 3600.0
NOW = START + 100 * HOUR
WHOLE = verify(TEXT, HEADS)


def run(name: str, state: str = "COMPLETED", at: float = START, **known: object) -> Run:
    """A run of an upgrade that began at some time and took a minute."""
    made: Run = replace(
        Run(name, "upgrade-data-flow", f"upgrade {name}", "prod", state, at, at, at + 60),
        **known,  # type: ignore[arg-type]
    )
    return made


def record(name: str, at: float = START, **known: object) -> ChangeRecord:
    """Its record."""
    return past(name, **{"cluster": "prod", "started": utc(at), "ended": utc(at + 60), **known})


def ids(runs: list[Run], log: Log, *copies: Copy, damaged: str = "") -> list[str]:
    """The findings of an audit of one cluster, some of whose runs keep copies of their records."""
    kept = {record.run: [Copy(each) for each in log.records if each.run == record.run] for record in log.records}
    kept |= {copy.record.run: [each for each in copies if each.record.run == copy.record.run] for copy in copies}
    past = join(runs, [log], NOW, kept, {"first": damaged})
    return [finding.id for finding in disagreements(past, [log])]


def of(*records: ChangeRecord, traces: tuple[Trace, ...] = ()) -> Log:
    """A log whose chain is whole."""
    return Log("prod", WHOLE, records, traces)


DONE = record("r")
LATE = record("r", outcome="late report", late=True, problem="the worker died. The service is up.")
WAITS = record("r", outcome="waiting for approval")
HTTPX = "Flow run encountered an exception: ConnectError: All connection attempts failed"
ENDINGS: list[tuple[Run | None, ChangeRecord | None, End]] = [
    (run("r"), DONE, End.DONE),
    (run("r"), None, End.DONE),
    (None, DONE, End.DONE),
    (run("r", "FAILED"), record("r", outcome="refused"), End.REFUSED),
    (run("r", "FAILED"), record("r", outcome="the script is still running"), End.STILL_RUNNING),
    (run("r", "CRASHED"), record("r", outcome="cancelled"), End.CANCELLED),
    (run("r", "COMPLETED"), record("r", outcome="a word of the future"), End.NOT_KNOWN),
    (run("r", "RUNNING"), LATE, End.SETTLED_LATE),
    (run("r", "FAILED", message=HTTPX), None, End.SERVER_AWAY),
    (run("r", "FAILED", message=HTTPX), DONE, End.DONE),
    (run("r", "CRASHED", message="Request to http://x/api failed: ConnectError: y."), None, End.SERVER_AWAY),
    (run("r", "FAILED", message="Flow run encountered an exception: Unreachable: pbx01: timed out"), None, End.FAILED),
    (run("r", "FAILED", message="The flow was suspended and never resumed."), WAITS, End.NO_ANSWER),
    (run("r", "PAUSED"), WAITS, End.WAITING),
    (None, WAITS, End.WAITING),
    (run("r", "CANCELLED", message="Deployment concurrency limit reached."), None, End.COLLISION),
    (run("r", "FAILED", message="Validation of flow parameters failed with error: x"), None, End.NOT_VALID),
    (run("r", "CANCELLED"), None, End.CANCELLED),
    (run("r", "CRASHED", message="Execution was aborted by a termination signal."), None, End.DIED),
    (run("r", "RUNNING", ended=None), None, End.DIED),
    (run("r", "CRASHED", attempts=2), DONE, End.DIED),
    (run("r", "RUNNING", NOW - AUDIT_UNENDED + 1, ended=None), None, End.RUNNING),
    (run("r", "SCHEDULED", started=None, ended=None), None, End.WAITING),
    (run("r", "SOMETHING"), None, End.NOT_KNOWN),
]


def test_an_ending_is_told_by_the_record_and_else_by_the_words_of_the_state() -> None:
    """A server that was away is no failed change, and a collision no person's cancellation."""
    for each, made, word in ENDINGS:
        assert ending(each, made, NOW).word is word, (each, made)
        assert ending(each, made, NOW).contradiction == ""


def test_a_state_that_contradicts_its_record_is_named() -> None:
    """Somebody set it by hand, or the record is not of this run; an older attempt's record says nothing of the last."""
    failed = record("r", outcome="failed")
    assert "set the state by hand" in ending(run("r"), failed, NOW).contradiction
    assert "its record says done, Prefect says Failed" in ending(run("r", "FAILED"), DONE, NOW).contradiction
    assert ending(run("r", attempts=2), failed, NOW) == Ending(End.DONE, "Completed")
    assert ids([run("r")], of(failed)) == ["audit.contradiction"]


def test_a_run_is_joined_with_all_its_records() -> None:
    """Each attempt, and what was recorded before an approval; the last one holds."""
    first, last = record("r", outcome="failed"), replace(DONE, attempt=2)
    (each,) = join([run("r", attempts=2)], [of(WAITS, first, last)], NOW)
    assert (each.records, each.record, each.ending) == ((WAITS, first, last), last, Ending(End.DONE, last.summary))
    assert (each.id, each.name, each.cluster, each.kind) == ("r", "upgrade r", "prod", "upgrade")
    assert (each.started, each.ended) == (START, START + 60)


def test_a_record_that_was_written_later_is_not_the_last_word() -> None:
    """pbx01 was away when the first attempt ended; reconcile appended that record behind the one of the second."""
    first, last = record("r", outcome="failed"), replace(record("r", START + HOUR), id="r-2-done", attempt=2)
    (each,) = join([run("r", attempts=2)], [of(last, first)], NOW)
    assert (each.records, each.ending.word) == ((first, last), End.DONE)
    assert ids([run("r", attempts=2)], of(last, first), Copy(last), Copy(first)) == []


def test_past_runs_stand_in_the_order_of_time_and_other_peoples_are_left_out() -> None:
    """Also those that only Prefect or only the log knows."""
    runs = [run("c", at=START + 2), run("foreign", flow="their-flow"), run("b", at=START + 1)]
    found = join(runs, [of(record("a", START), record("d", START + 3))], NOW)
    assert [each.id for each in found] == ["a", "b", "c", "d"]
    assert (found[0].started, found[0].ended, found[0].name) == (START, START + 60, found[0].records[0].name)
    assert join([], [], NOW) == ()


def test_a_renamed_block_and_a_second_block_of_the_same_cluster_confuse_nothing() -> None:
    """A record belongs to the log that it stands in, whatever its cluster was called then, and counts once."""
    log = Log("new-name", WHOLE, (DONE,), (Trace(START + 30, "containers were made"),))
    copy = replace(log, cluster="another-name")
    (each,) = join([run("r")], [log, copy], NOW, {"r": [Copy(DONE)]})
    assert (each.records, each.cluster) == ((DONE,), "prod")
    assert [finding.id for finding in disagreements(join([], [log], NOW), [log])] == ["audit.record-without-run"]
    assert disagreements((each,), [log, copy]) == ()


def test_a_history_that_agrees_has_no_findings() -> None:
    """Nor has an empty one."""
    assert ids([run("r")], of(DONE), Copy(DONE)) == []
    assert ids([], Log("prod", verify(""))) == []
    assert disagreements((), ()) == ()


def test_every_disagreement_is_found_and_named() -> None:
    """Each alone, by its id."""
    first, at = record("first"), START + HOUR
    runs, known = [run("first")], of(first)
    cases: list[tuple[str, list[Run], Log, list[str]]] = [
        ("without record", [*runs, run("r", at=at)], known, ["audit.run-without-record"]),
        ("failed without", [*runs, run("r", "FAILED", at)], known, ["audit.run-without-record"]),
        ("crashed", [*runs, run("r", "CRASHED", at)], known, ["audit.half-recorded"]),
        ("running for ever", [*runs, run("r", "RUNNING", at, ended=None)], known, ["audit.half-recorded"]),
        ("server away", [*runs, run("r", "FAILED", at, message=HTTPX)], known, ["audit.half-recorded"]),
        ("settled late", [*runs, run("r", "RUNNING", at)], of(first, LATE), []),
        ("never began", [*runs, run("r", "CANCELLED", at, started=None)], known, []),
        ("not valid", [*runs, run("r", "FAILED", at, message="Flow could not be retrieved from x")], known, []),
        ("waits", [*runs, run("r", "PAUSED", at)], known, []),
        ("no answer", [*runs, run("r", "FAILED", at, message="never resumed")], of(first, WAITS), []),
        ("approved, lost", [*runs, run("r", "FAILED", at)], of(first, WAITS), ["audit.run-without-record"]),
        ("retried, lost", [run("first", "CRASHED", attempts=2)], known, ["audit.half-recorded"]),
        ("reconciled", [*runs, run("r", at=at, flow="reconcile-data-flow")], known, []),
        ("older", [*runs, run("r", at=START - HOUR)], known, ["audit.before-the-log"]),
        ("deleted run", [], known, ["audit.record-without-run"]),
        ("not read", runs, Log("prod", trouble="timed out"), ["audit.log-not-read"]),
        ("half looked", runs, replace(known, untraced="timed out"), ["audit.traces-not-read"]),
        ("broken", runs, replace(known, proof=verify("".join(LINES[1:]))), ["audit.chain-broken"]),
        ("half", runs, replace(known, proof=verify(TEXT[:-9])), ["audit.half-written"]),
        ("too new", runs, replace(known, unread=((3, "format 2.0"),)), ["audit.record-not-understood"]),
        ("elsewhere", [*runs, run("r", at=at, cluster="gone")], known, ["audit.no-log"]),
    ]
    for what, each, log, found in cases:
        assert ids(each, log) == found, what
    made = {name for *_, found in cases for name in found}
    apart = {"by-hand", "contradiction", "artifact-differs", "artifact-gone", "record-gone"}
    assert made | {f"audit.{name}" for name in apart} == {*FINDINGS}


def test_what_artifacts_keep_is_held_against_the_log() -> None:
    """Each copy of a record alone; where the log was not read nothing can be said of it."""
    first = record("first")
    runs, known, other = [run("first")], of(first), Copy(replace(first, id="x"))
    cases: list[tuple[str, list[Run], Log, Copy, list[str]]] = [
        ("gone", runs, of(), other._replace(head=HEADS[0]), ["audit.record-gone"]),
        ("another", runs, known, other._replace(head=HEADS[0]), ["audit.artifact-gone", "audit.record-gone"]),
        ("gone with its run", [], of(), other._replace(head=HEADS[0]), ["audit.record-gone"]),
        ("only there", runs, of(), Copy(first), ["audit.half-recorded"]),
        ("not there yet", runs, of(), other, ["audit.half-recorded"]),
        ("looked only", runs, of(), Copy(replace(first, id="x", stages=(), script=None)), []),
        ("differs", runs, known, Copy(replace(first, ticket="x")), ["audit.artifact-differs"]),
        ("log not read", runs, Log("prod", trouble="timed out"), Copy(first, HEADS[0]), ["audit.log-not-read"]),
    ]
    for what, each, log, copy, found in cases:
        assert ids(each, log, copy) == found, what
    assert ids(runs, known, damaged="its artifact is no record") == ["audit.artifact-differs"]


def test_what_only_artifacts_keep_is_told_too() -> None:
    """So a lost pbx01 takes no history with it; what the log holds of the same run stands in its order."""
    unread, failed = Log("prod", trouble="timed out"), replace(DONE, id="late", ended=utc(START + 90), outcome="failed")
    (each,) = join([run("r")], [unread], NOW, {"r": [Copy(DONE)]})
    assert (each.record, each.ending.word, each.logged) == (DONE, End.DONE, frozenset())
    (each,) = join([run("r")], [of(DONE)], NOW, {"r": [Copy(DONE), Copy(failed)]})
    assert (each.records, each.logged) == ((DONE, failed), {DONE.id})
    (each,) = join([], [unread], NOW, {"r": [Copy(DONE)]})
    assert (each.id, each.cluster) == ("r", "prod")


def test_a_log_whose_beginning_was_touched_excuses_no_run() -> None:
    """Else whoever deletes the first lines makes everything older than the log; many runs are counted, not listed."""
    runs = [run(f"r{number}", at=START + number) for number in range(30)]
    broken = replace(of(record("r29", START + 29)), proof=verify("".join(LINES[1:])))
    found = disagreements(join(runs, [broken], NOW, {"r29": [Copy(broken.records[0])]}), [broken])
    assert [finding.id for finding in found] == ["audit.chain-broken", *["audit.run-without-record"] * 11]
    assert "prod: no record of 19 runs: upgrade r10" in found[-1].message
    assert "and 16 more either" in found[-1].message
    assert ids(runs, of(record("r29", START + 29))) == ["audit.before-the-log"]


def test_what_differs_between_log_and_artifact_is_named_by_field() -> None:
    """So that an auditor sees what somebody wanted to hide."""
    assert differing(DONE, replace(DONE, ticket="x", downtime=0.0)) == ("ticket", "downtime")


def test_a_script_that_was_run_by_hand_is_found_by_its_traces() -> None:
    """What no run explains: one that only looked explains nothing, one that died what its script went on to do."""
    dry = record("dry", START + HOUR, outcome="dry run", stages=(), script=None)
    idle = run("idle", at=START + 2 * HOUR, flow="reconcile-data-flow")
    runs = [run("r"), idle, run("dry", at=START + HOUR), run("dead", "RUNNING", START + 10 * HOUR, ended=None)]

    def by_hand(at: float, name: str = "") -> bool:
        log = of(DONE, dry, traces=(Trace(at, "containers were made", name),))
        return "audit.by-hand" in ids(runs, log)

    cases = [
        (START + 30, False),
        (START + 60 + AUDIT_SLACK, False),
        (START + 61 + AUDIT_SLACK, True),
        (START - 1, False),  # before the first record nothing can be told
        (START + HOUR + 5, True),
        (START + 2 * HOUR + 5, True),
        (START + 10 * HOUR + AUDIT_UNENDED, False),
        (START + 10 * HOUR + AUDIT_UNENDED + 200, True),
    ]
    for at, found in cases:
        assert by_hand(at) is found, at - START
    assert not by_hand(START + HOUR, "dry")
    assert by_hand(START + 30, "nobody's run")
