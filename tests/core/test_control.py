"""Start, stop and restart as values: what is planned, what refuses, what exit codes and unfinished changes mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.core import control
from flows.core.change_state import ChangeState, Image, Images, Phase
from flows.core.findings import Level, errors
from flows.core.installed import Service
from flows.core.preflight import RULES_CONTROL, RULES_REMOVE, judge
from flows.core.snapshot import Snapshot
from flows.core.stopped import KnownStop, as_json, from_json
from tests.core.cases_service import LOCK
from tests.core.healthy import CLICKHOUSE, DATAFLOW, SNAPSHOT, wish, with_docker, with_script, with_server

DOWN = (replace(CLICKHOUSE, running=False, exit_code=0), replace(DATAFLOW, running=False, exit_code=0))
STOPPED = with_docker(containers=DOWN)
STOP = KnownStop("2026-11-22 20:00 UTC", "stop prod, requested by anna", "http://prefect/1", "CHG-1", "c", ("c1", "c2"))
OLD = Images(Image(DATAFLOW.image, DATAFLOW.image_id, "", "22.8"), Image(CLICKHOUSE.image, CLICKHOUSE.image_id, "", ""))
NEW = Images(OLD.pbx, Image("portsip/clickhouse:26.3", "sha256:9", "", ""))


RUN_OR_NOT: list[tuple[str, Snapshot, bool]] = [
    ("start", SNAPSHOT, False),
    ("start", STOPPED, True),
    ("start", with_docker(containers=(CLICKHOUSE, DOWN[1])), True),
    ("stop", SNAPSHOT, True),
    ("stop", STOPPED, False),
    ("stop", with_docker(containers=(CLICKHOUSE, DOWN[1])), True),
    ("restart", SNAPSHOT, True),
    ("restart", STOPPED, True),
]


def test_a_verb_is_only_run_where_the_service_is_not_so_already() -> None:
    """A restart is always one; the plan says the whole command, or that the service is left alone."""
    for verb, snapshot, needed in RUN_OR_NOT:
        plan = control.plan(snapshot, wish(verb=verb), ())
        step = next(step for step in plan.steps if step.task == verb)
        assert (step.changes, plan.changes, plan.kind) == (needed, needed, verb)
        command = f"on pbx01: cd /opt/portsip-pbx-ha-guide && /bin/bash dataflow.sh {verb}"
        assert step.title == command if needed else "leave it alone" in step.title


def test_verbs_do_not_share_a_target_and_a_changed_state_changes_the_hash() -> None:
    """An unfinished stop is not resumed by a restart; who starts it meanwhile makes the plan void."""
    assert len({control.target(wish(verb=verb)) for verb in control.VERBS}) == 3
    half = with_docker(containers=(CLICKHOUSE, DOWN[1]))
    hashes = {control.plan(world, wish(verb="start"), ()).hash for world in (SNAPSHOT, STOPPED, half)}
    assert len(hashes) == 3


def test_a_start_tells_who_stopped_the_service() -> None:
    """As long as the same containers stand there; others were never stopped by that run."""
    known = replace(STOPPED, known_stop=STOP)
    assert control.stopped_by(known, wish()) == "c"
    assert "by stop prod, requested by anna, ticket CHG-1" in control.plan(known, wish(verb="start"), ()).steps[1].title
    other = replace(known, known_stop=replace(STOP, containers=("c1", "c9")))
    assert control.stopped_by(other, wish()) == ""
    assert control.stopped_by(replace(SNAPSHOT, known_stop=STOP), wish()) == ""


def test_the_note_of_a_stop_survives_its_text() -> None:
    """What cannot be read explains nothing, and stops nobody."""
    assert from_json(as_json(STOP)) == STOP
    assert from_json("{") is None
    assert from_json("[]") is None
    assert from_json('{"since": "x"}') is None


EXIT_CODES: list[tuple[int, int, str]] = [
    (0, 0, ""),
    (0, 143, ""),
    (0, 2, ""),
    (143, 0, "portsip.clickhouse ended with exit code 143"),
    (0, 137, "portsip.dataflow ended with exit code 137 (killed: it did not end within its time)"),
    (137, 0, "portsip.clickhouse ended with exit code 137 (killed: it did not end within its time)"),
]


def test_an_exit_code_that_matters() -> None:
    """Of ClickHouse anything but 0; of the writer only the death by force."""
    for clickhouse, dataflow, bad in EXIT_CODES:
        found = Service(replace(DOWN[0], exit_code=clickhouse), replace(DOWN[1], exit_code=dataflow))
        assert control.badly_ended(found) == bad
        assert f"exit code {clickhouse}" in control.endings(found)


def refusing(verb: str, snapshot: Snapshot) -> set[str]:
    """Ids of the findings that refuse this verb in this world."""
    rules = RULES_REMOVE if verb == "rm" else RULES_CONTROL[verb]
    wished = wish(verb=verb, cluster="prod", confirm="prod", run="run-2")
    return {finding.id for finding in errors(judge(snapshot, wished, rules))}


EVERY = (*control.VERBS, "rm")


@pytest.mark.parametrize("verb", EVERY)
def test_a_healthy_cluster_refuses_no_verb(verb: str) -> None:
    """Not even one that is too small, has a full disk, or an unhealthy HA cluster: that is no reason at night."""
    assert refusing(verb, SNAPSHOT) == set()
    poor = replace(with_server(vcpu=1, memory=1, forwarding=False), pbx=replace(SNAPSHOT.pbx, token=None))
    sick = replace(poor, script=replace(SNAPSHOT.script, ha_status="pbx (ocf::portsip:pbx): Stopped"), nodes=())
    assert refusing(verb, sick) == set()


@pytest.mark.parametrize("verb", EVERY)
def test_the_wrong_machine_and_a_running_script_refuse_every_verb(verb: str) -> None:
    """Whose service it is, and whether another change is at work, always matters."""
    shared = with_docker(containers=(CLICKHOUSE, DATAFLOW, replace(CLICKHOUSE, id="c9", name="other")))
    assert "host.shared-with-other-pbx" in refusing(verb, shared)
    assert "service.script-runs" in refusing(verb, replace(SNAPSHOT, lock=LOCK, script_runs=True))
    assert "control.login-missing" in refusing(verb, with_script(logs_in=False))
    assert "script.verb-missing" in refusing(verb, with_script(verbs=("run",)))


def test_only_what_starts_needs_both_containers_and_the_volume() -> None:
    """A stop of a half service is let through with a warning."""
    half, elsewhere = with_docker(containers=(CLICKHOUSE,)), wish(verb="start", data_device="/dev/sdz1")
    assert [verb for verb in EVERY if "service.containers-missing" in refusing(verb, half)] == ["start", "restart"]
    found = {finding.id: finding.level for finding in judge(SNAPSHOT, elsewhere, RULES_CONTROL["start"])}
    assert found == {"host.data-device": Level.ERROR}


UNFINISHED_CASES: list[tuple[ChangeState, str]] = [
    (ChangeState("1", "stop", "prod", "t", Phase.SCRIPT), ""),
    (ChangeState("1", "upgrade", "prod", "t", Phase.STOPPED, old=OLD, new=NEW), ""),
    (ChangeState("1", "upgrade", "prod", "t", Phase.SCRIPT, old=OLD, new=NEW), "has another engine"),
    (ChangeState("1", "rollback", "prod", "t", Phase.SCRIPT, old=OLD, new=NEW), "only a rollback may go on"),
    (ChangeState("1", "upgrade", "prod", "t", Phase.STARTED, verdict="LOST"), "ended as LOST"),
]


def test_a_start_over_an_unfinished_change_never_puts_an_older_engine_on_newer_data() -> None:
    """The old containers may be started only while nothing newer can have opened the folder."""
    for state, words in UNFINISHED_CASES:
        said = control.may_start(state, Service(*DOWN))
        assert words in said
        assert bool(said) == bool(words)
