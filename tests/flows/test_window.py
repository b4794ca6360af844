"""The cluster's maintenance window: a change outside it is refused, comes again when it opens, or is urgent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun as Found
from prefect.exceptions import Pause
from prefect.flow_runs import resume_flow_run

from blocks.maintenance_window import MaintenanceWindow
from flows.core.window import DAYS
from tests.flows.conftest import Run
from tests.flows.story_support import edited, refused_by
from tests.flows.support import STATE, FlowRun
from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.stories.words import both, carry_out, running


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A cluster whose service is installed, shared by tests that leave it running."""
    with World(installed="25.8", history_rows=2_000) as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.fixture
def shut(cluster: Any) -> Any:
    """The cluster with a window that opens in three days."""
    day = DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()]
    return edited(cluster, maintenance_window=MaintenanceWindow(days=[day], start="02:00", end="04:00"))


def control(cluster: Any, verb: str, **parameters: Any) -> Run:
    """Run `control-data-flow` (not as a dry run)."""
    from flows.control import control_data_flow

    return carry_out(control_data_flow, cluster, verb, **parameters)


def waiting_for_the_window(first: FlowRun) -> list[Found]:
    """The runs that were postponed, of the same deployment."""
    with get_client(sync_client=True) as client:
        deployment = str(client.read_flow_run(first.id).deployment_id)
        wanted = {"deployment_id": {"any_": [deployment]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        return client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))


@pytest.mark.matrix
def test_outside_the_window_only_a_start_and_what_is_urgent_are_done(world: World, cluster: Any, shut: Any) -> None:
    """A refusal names the window and when it opens; a dry run shows the plan; the report says who overrode it."""
    refused_by(control(shut, "stop"), "change.outside-window", "02:00 to 04:00 UTC; the window opens next on ")
    assert not world.control.path(f"{STATE}/change.lock").exists()
    shown = control(shut, "stop", dry_run=True)
    assert shown.ended == "COMPLETED", shown.message
    assert "| warning | `change.outside-window` |" in shown.report
    urgent = control(shut, "stop", outside_window="override", requested_by="Ada")
    assert urgent.ended == "COMPLETED", urgent.message
    assert "| Outside the window | yes: ordered as urgent by Ada |" in urgent.report
    assert running(world) == both(world, False)
    started = control(shut, "start")
    assert started.ended == "COMPLETED", started.message
    assert "outside-window" not in started.report


@pytest.mark.matrix
def test_a_change_is_postponed_with_its_approval(world: World, cluster: Any, shut: Any) -> None:
    """The same order comes once when the window opens, however often it is given, and nobody is asked again then."""
    settings: dict[str, Any] = {"verb": "restart", "require_approval": True, "outside_window": "postpone"}
    order = {"entrypoint": "flows.control.control_data_flow", "requested_by": "Ada", **settings}
    for _ in range(2):
        run = FlowRun(shut, **order)
        with pytest.raises(Pause):
            run.carry_out()
        resume_flow_run(run.id, run_input={"decision": "approve", "name": "Berta"})
        ended = run.carry_out()
        assert (ended.ended, ended.state.name) == ("COMPLETED", "Postponed"), ended.message
        (later,) = waiting_for_the_window(run)
        assert f"run restart sandbox ({later.id}) starts" in ended.message
        assert ended.report.startswith("# restart sandbox: postponed\n")
        assert "lock" not in ended.tasks
    assert later.expected_start_time is not None
    assert later.expected_start_time.strftime("%A %H:%M") == f"{shut.maintenance_window.days[0]} 02:00"
    assert later.parameters["cluster"] == {"$ref": {"block_document_slug": "data-flow-cluster/sandbox"}}

    run.id = later.id
    run.press_retry()
    done = run.carry_out(cluster)
    assert done.ended == "COMPLETED", done.message
    assert "| Approval | approved by Berta" in done.report
    assert "changed: restart" in done.message
