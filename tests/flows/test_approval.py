"""A change that asks first: whoever is asked decides about one plan, by its hash, and nothing is held meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect.exceptions import FlowPauseTimeout, Pause
from prefect.flow_runs import resume_flow_run

from tests.flows.conftest import Run
from tests.flows.support import STATE, FlowRun, lock_of, wait_until
from tests.sandbox import vendor
from tests.sandbox.world import World

YES = {"decision": "approve", "name": "Berta", "comment": "go | ahead"}
NO = {"decision": "reject", "name": "Berta", "comment": "not on a Monday"}
FOREIGN = {"run": "other", "holder": "somebody", "since": "now", "link": "", "kind": "k", "target": "t", "phase": "p"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A cluster whose service is installed, shared by tests that do not mind how the ones before have left it."""
    with World(installed="25.8", history_rows=2_000) as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


def ordered(cluster: Any, verb: str = "restart") -> FlowRun:
    """An order to stop or restart the service that has to be approved; Ada wants it."""
    settings = {"verb": verb, "requested_by": "Ada", "require_approval": True}
    return FlowRun(cluster, entrypoint="flows.control.control_data_flow", **settings)


def asks(run: FlowRun) -> Run:
    """Carry a run out until it asks: its process ends, and the run waits."""
    with pytest.raises(Pause):
        run.carry_out()
    waiting = run.read()
    assert waiting.state.name == "Suspended"
    assert " sandbox: waiting for approval\n" in waiting.report
    return waiting


def form(run: FlowRun) -> dict[str, Any]:
    """What the UI shows for the answer: the words above the form, and its schema."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.filter_flow_run_input(run.id, "suspended-", limit=9, exclude_keys=set())
    return {each.key.rpartition("-")[2]: each.decoded_value for each in found}


@pytest.mark.matrix
def test_an_approved_plan_is_carried_out_and_a_retry_does_not_ask_again(world: World, cluster: Any) -> None:
    """While it waits it needs no lock; the same plan is approved once, and the report says by whom and when."""
    place = world.control.path(f"{STATE}/change.lock")
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(FOREIGN))
    first = ordered(cluster, "stop")
    waiting = asks(first)
    assert "no answer means no" in waiting.report
    assert "look" in waiting.tasks and "lock" not in waiting.tasks
    asked = form(first)
    for said in ("**stop sandbox**, requested by Ada.", "## Plan `", "dataflow.sh stop", "The whole report"):
        assert said in asked["description"]
    assert asked["schema"]["required"] == ["decision", "name"]
    assert asked["schema"]["properties"]["decision"]["enum"] == ["approve", "reject"]

    resume_flow_run(first.id, run_input=YES)
    refused = first.carry_out()
    assert "ChangeLocked" in refused.message and "somebody holds it" in refused.message
    place.unlink()
    done = first.retry()
    assert done.ended == "COMPLETED", done.message
    assert "| Approval | approved by Berta, 20" in done.report
    assert ": go \\| ahead |" in done.report
    assert lock_of(world) == {}
    # The pass that asked is no attempt of its own: its look touched nothing.
    assert world.control.path(f"{STATE}/runs/{first.id}-2/log").exists()


@pytest.mark.matrix
def test_a_rejected_plan_is_refused_with_who_and_why(world: World, cluster: Any) -> None:
    """While it waits, the same order does not ask a second time; Retry does not ask until somebody says yes."""
    run = ordered(cluster)
    asks(run)
    second = ordered(cluster).carry_out()
    assert (second.ended, second.state.name) == ("COMPLETED", "Asked already")
    assert f"run restart sandbox ({run.id}) waits for the approval of the same plan" in second.message
    resume_flow_run(run.id, run_input=NO)
    for ended in (run.carry_out(), run.retry()):
        assert ended.ended == "FAILED"
        assert "Berta rejected plan" in ended.message and "not on a Monday" in ended.message
        assert ended.report.startswith("# restart sandbox: refused\n")
        assert "| Approval | rejected by Berta" in ended.report
        assert "lock" not in ended.tasks


@pytest.mark.matrix
def test_no_answer_means_no_and_a_plan_that_changed_asks_again(
    world: World, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too late is too late; Retry asks anew; an answer to a plan of before is no answer to that of now."""
    monkeypatch.setattr("flows.approval.APPROVAL_WAIT", 1)
    run = ordered(cluster)
    asks(run)

    over = run.read().state.state_details.pause_timeout
    wait_until(lambda: datetime.now(UTC) > over, "the time for an answer to be over")
    with pytest.raises(FlowPauseTimeout):
        resume_flow_run(run.id, run_input=YES)
    assert "never resumed" in run.read().message

    monkeypatch.setattr("flows.approval.APPROVAL_WAIT", 600)
    run.press_retry()
    asks(run)
    resume_flow_run(run.id, run_input=YES)
    script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
    script.write_text(script.read_text() + "# a new release\n")
    asks(run)
    resume_flow_run(run.id, run_input=YES)
    done = run.carry_out()
    assert done.ended == "COMPLETED", done.message


def test_a_run_without_a_deployment_cannot_wait(world: World, cluster: Any) -> None:
    """Prefect could not start it again; that is said before anything is looked at."""
    from flows.control import control_data_flow
    from tests.stories.words import carry_out

    run = carry_out(control_data_flow, cluster, "restart", require_approval=True)
    assert "this run is not one of a deployment" in run.message
    assert run.tasks == {}
