"""A change whose worker is killed or cancelled at any stage: the lock tells, and reconcile brings the service back."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.flows.audit_support import agree, logged
from tests.flows.conftest import read_run
from tests.flows.support import STATE, FlowRun, lock_of, wait_until
from tests.sandbox import vendor
from tests.sandbox.saved_blocks import save
from tests.sandbox.world import World

pytestmark = pytest.mark.matrix
UPGRADE = "flows.upgrade.upgrade_data_flow"
PHASES = ("stopping", "stopped", "kept", "script")


def phase_of(world: World) -> str:
    """How far the change came, by its folder on the control node."""
    states = list(world.control.path(f"{STATE}/changes").glob("*/state.json"))
    return str(json.loads(states[0].read_text())["phase"]) if states else ""


def reached(world: World, phase: str) -> bool:
    """Whether the change is in this phase, and in the script behind its removal of the containers."""
    return phase_of(world) == phase and (phase != "script" or vendor.current_step(world.control) >= 6)


@pytest.mark.parametrize(
    ("phase", "how"),
    [*((phase, signal.SIGKILL) for phase in PHASES), *((phase, signal.SIGTERM) for phase in ("stopping", "kept"))],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_change_that_ends_in_a_phase(phase: str, how: signal.Signals, prefect_server: str) -> None:
    """The lock stays, marked or held by a dead run; reconcile closes the change with the service up and all calls.

    A cancelled run leaves its record in the seconds that it has; reconcile writes another one, marked late.
    """
    with World(installed="24.8", history_rows=2_000, live_calls=True, live_rate=5) as world:
        block = save(world, "sandbox")
        dead = FlowRun(block, entrypoint=UPGRADE)
        with dead.process(prefect_server) as process:
            wait_until(lambda: reached(world, phase), phase)
            process.send_signal(how)
            process.wait(240)
        assert lock_of(world)["phase"] in ("preparing", "script", "unfinished")
        if how is signal.SIGTERM:
            assert lock_of(world)["phase"] == "unfinished"
            assert "kept and marked unfinished" in dead.read().report
        dead.crashed()
        wait_until(lambda: not _script_runs(world), "the script to end by itself")
        run = _reconcile(block)
        assert run.ended == "COMPLETED", run.message
        assert lock_of(world) == {}
        world.wait_for_calls(3)
        assert world.missing_records() == {}
        left = [(each.outcome, each.late) for each in logged(world) if each.run == str(dead.id)]
        assert left == [("cancelled", False)] * (how is signal.SIGTERM) + [("late report", True)]
        agree(world, run.id, *([str(dead.id)] if how is signal.SIGTERM else []))


def _script_runs(world: World) -> bool:
    states = world.control.path(f"{STATE}/runs").glob("*/state.json")
    return any(json.loads(state.read_text())["state"] == "running" for state in states)


def _reconcile(block: Any) -> Any:
    from flows.reconcile import reconcile_data_flow

    return read_run(reconcile_data_flow(block, on_failure="recover", return_state=True))
