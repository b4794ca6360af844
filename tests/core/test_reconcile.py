"""What reconciling may do about a lock: a literal for each case, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace

from flows.core.change import ChangeLock, Holder
from flows.core.change_state import ChangeState, Image, Images, Phase
from flows.core.findings import Finding
from flows.core.installed import Service
from flows.core.reconcile import Next, Standing, decide, rests, state_of
from flows.core.snapshot import Container
from flows.core.unsettled import FINDINGS, down, not_as_wanted, seen

LOCK = ChangeLock(
    "run-1", "upgrade prod", "2026-11-22", "http://ui", "upgrade", "t", "script", "boot", "run-1-1", change="change-1"
)
STATE = ChangeState("change-1", "upgrade", "prod", "t", Phase.SCRIPT)
RUNNING, CRASHED, UNKNOWN = Holder("Running", False), Holder("Crashed", True), Holder("not known", None)
DEAD = Standing(LOCK, STATE, CRASHED, "finished", "boot")
UNFINISHED = replace(DEAD, lock=replace(LOCK, phase="unfinished"))
ALIVE = replace(DEAD, holder=RUNNING)
FREE = Standing(None, None, Holder("", None))
LEFT_OPEN = replace(FREE, left_open=(STATE,))


CASES: list[tuple[Standing, dict[str, str], Next, str]] = [
    (FREE, {}, Next.NOTHING, "no change holds the cluster"),
    (ALIVE, {}, Next.LEAVE, "upgrade prod holds the lock since 2026-11-22 (Running): left alone"),
    (replace(ALIVE, boot_id="other"), {}, Next.LEAVE, "pbx01 was rebooted since. If it is gone for good"),
    (replace(DEAD, holder=UNKNOWN), {}, Next.LEAVE, "type its id into force_unlock: run-1"),
    (replace(DEAD, script="running"), {}, Next.LEAVE, "still runs: left alone, the lock is kept"),
    (replace(ALIVE, script="waiting-for-input"), {}, Next.LEAVE, "it waits for an answer"),
    (DEAD, {}, Next.SETTLE, "upgrade prod is over (Crashed) and left its lock"),
    (replace(DEAD, script="died", boot_id="other"), {}, Next.SETTLE, "(Crashed, pbx01 was rebooted since)"),
    (replace(UNFINISHED, holder=UNKNOWN), {}, Next.SETTLE, "is over (phase unfinished)"),
    (replace(DEAD, script=""), {}, Next.SETTLE, "left its lock"),
    # By force: only with the id of the run that holds it, also beside a running script, but not without saying so.
    (ALIVE, {"force_unlock": "run-1"}, Next.UNLOCK, "broken by force; its script does not run"),
    (replace(ALIVE, script="running"), {"force_unlock": " run-1 "}, Next.UNLOCK, "its script STILL RUNS"),
    (ALIVE, {"force_unlock": "run-2"}, Next.REFUSE, "held by run run-1 (upgrade prod), not by run-2"),
    (ALIVE, {"force_unlock": "change-1"}, Next.REFUSE, "not by change-1"),
    (FREE, {"force_unlock": "run-1"}, Next.REFUSE, "no lock to break"),
    # Giving up: only what is unfinished, and only when nothing works on it.
    (DEAD, {"abandon": "change-1"}, Next.ABANDON, "change change-1 of upgrade prod is given up"),
    (UNFINISHED, {"abandon": "change-1"}, Next.ABANDON, "the service was not touched"),
    (LEFT_OPEN, {"abandon": "change-1"}, Next.ABANDON, "holds no lock any more, is given up"),
    (ALIVE, {"abandon": "change-1"}, Next.REFUSE, "change change-1 is not unfinished"),
    (replace(DEAD, script="running"), {"abandon": "change-1"}, Next.REFUSE, "still runs: wait for its end"),
    (DEAD, {"abandon": "run-1"}, Next.REFUSE, "no unfinished change run-1; the lock belongs to change change-1"),
    (FREE, {"abandon": "change-1"}, Next.REFUSE, "no unfinished change change-1; no change holds the cluster"),
    (DEAD, {"abandon": "change-1", "force_unlock": "run-1"}, Next.REFUSE, "take one of them"),
]


def test_what_a_rehearsal_left_goes_when_nobody_works_there() -> None:
    """Not while its run, or a script, may still be at work."""
    left = ("20270101T000000Z-r1", "/var/lib/portsip")
    for standing, expected in ((FREE, True), (DEAD, True), (ALIVE, False), (replace(DEAD, script="running"), False)):
        assert replace(standing, rehearsal=left).rehearsal_left is expected
        assert not standing.rehearsal_left


def test_what_is_decided_in_each_case() -> None:
    """Who holds the lock counts as alive until Prefect or the lock itself says otherwise."""
    for standing, typed, expected, said in CASES:
        decision = decide(standing, **typed)
        assert decision.next is expected, decision
        assert said in decision.why, decision


TOUCHED: list[tuple[Standing, bool]] = [
    (DEAD, True),
    (replace(DEAD, lock=replace(LOCK, script="")), True),
    (replace(DEAD, lock=replace(LOCK, script=""), state=replace(STATE, phase=Phase.STOPPING)), True),
    (replace(DEAD, lock=replace(LOCK, script=""), state=replace(STATE, phase=Phase.QUIET)), False),
    (replace(DEAD, lock=replace(LOCK, script=""), state=None), False),
    (FREE, False),
]


def test_a_change_has_touched_the_service_once_it_may_have_stopped_it() -> None:
    """A script that was started, or our own stop of the writer; before that, a dead change is only noted."""
    for standing, touched in TOUCHED:
        assert standing.touched is touched


def test_a_lock_alone_tells_of_its_change_what_it_can() -> None:
    """An install keeps no folder of its own."""
    assert state_of(LOCK, "prod") == ChangeState(
        "change-1", "upgrade", "prod", "t", Phase.SCRIPT, ("run-1",), "2026-11-22"
    )
    assert state_of(replace(LOCK, script="", change=""), "prod").phase is Phase.PREPARING
    assert state_of(replace(LOCK, change=""), "prod").id == "run-1"
    assert state_of(replace(LOCK, holder="install prod, requested by anna"), "prod").requested_by == "anna"


RESTING: list[tuple[str, bool | None, bool]] = [
    ("remove", None, True),
    ("remove", False, False),
    ("stop", False, True),
    ("stop", True, False),
    ("upgrade", None, False),
]


def test_a_service_may_rest_when_that_was_ordered() -> None:
    """A removed one is gone, a stopped one is there and does not run; for every other change that is trouble."""
    for kind, running, expected in RESTING:
        container = Container("1", "database", "c", "c", (), bool(running), "", 0, {})
        assert rests(kind, Service(None if running is None else container, None)) is expected


IMAGES = Images(Image("p:2", "p2", "p@sha256:2", "22.8"), Image("c:2", "c2", "", "25.8"))


KNOWN: list[tuple[tuple[Finding, ...], list[str], str]] = [
    (seen(replace(DEAD, left_open=(STATE,)), decide(DEAD)), ["change.left-open"], "upgrade change-1 (script)"),
    (seen(replace(DEAD, script="waiting-for-input"), decide(DEAD)), ["change.script-asks"], "waits for an answer"),
    (seen(ALIVE, decide(ALIVE, force_unlock="run-1")), ["change.lock-broken"], "broken by force"),
    (seen(DEAD, decide(DEAD)), [], ""),
    ((down("it is down"),), ["change.service-down"], "critical: it is down"),
    ((not_as_wanted(replace(STATE, new=IMAGES), Service(None, None)),), ["change.not-reached"], "p:2 and c:2"),
]


def test_what_a_person_has_to_know_is_a_finding() -> None:
    """Each with an id and a level of the documented list, what was seen, and what to do."""
    for found, expected, said in KNOWN:
        assert [finding.id for finding in found] == expected
        assert all(FINDINGS[finding.id] is finding.level and finding.hint for finding in found)
        assert all(said in finding.message for finding in found)
