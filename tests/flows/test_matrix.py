"""Every stage with every fault: refused, recovered, or stopped with a named way back; no lost row and a green run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.flows.conftest import Run, read_run
from tests.flows.matrix import CASES, RECOVERED, REFUSED, STOPPED, Case
from tests.flows.story_support import block_of
from tests.flows.support import STATE, lock_of, wait_until
from tests.sandbox import vendor
from tests.sandbox.registry import OLD_PBX, pbx_image
from tests.sandbox.world import World

HISTORY = 2_000


def marked(case: Case) -> Any:
    """A case of `make test`, or one that only `make test-all` runs."""
    return pytest.param(case, id=case.name, marks=() if case.daily else pytest.mark.matrix)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what will not come."""
    for name, value in {
        "quiesce.QUIET_WAIT": 0.3,
        "quiesce.QUIET_POLL": 0.1,
        "settle.SETTLE_POLL": 0.2,
        "script.FOLLOW_WAIT": 0.5,
    }.items():
        monkeypatch.setattr(f"flows.tasks.{name}", value)


@contextmanager
def gone_once_seen(world: World, step: int) -> Iterator[None]:
    """Let the script's fault be gone for the next call, as soon as it came to this step (0: it stays)."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set() and vendor.current_step(world.control) != step:
            time.sleep(0.005)
        if not over.is_set():
            vendor.settle(world.control, SECONDS_PER_STEP=0)

    thread = threading.Thread(target=watch)
    if step:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if step:
            thread.join()


def carry_out(world: World, case: Case) -> Run:
    """Run the change on this world."""
    from flows.recreate import recreate_data_flow
    from flows.upgrade import upgrade_data_flow

    patience = 6.0 if case.stage == "settle" else 60.0  # only there nothing ever settles
    block = block_of(world).model_copy(update={"settle_timeout": patience, "settle_pause": 0.2})
    if case.kind == "recreate":
        world.registry.images["portsip/pbx:22"] = pbx_image(OLD_PBX)
        world.pbx.version = OLD_PBX
        return read_run(recreate_data_flow(block, "a test", dry_run=False, return_state=True))
    return read_run(upgrade_data_flow(block, "a test", dry_run=False, return_state=True))


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_a_fault_at_a_stage(case: Case, prefect_server: str, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is red, says what went wrong, and leaves the service as promised; no acknowledged call is missing."""
    with World(installed="24.8", variant=case.variant, history_rows=HISTORY, live_calls=True, live_rate=5) as world:
        world.wait_for_calls(3)
        before = {c.name: c.id for c in world.engine.containers}
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        case.arrange(world)
        if world.engine.faults.deaf:
            monkeypatch.setattr("flows.tasks.stop.STOP_GRACE", 1)
        with gone_once_seen(world, case.once):
            run = carry_out(world, case)
        assert run.ended == "FAILED", run.message
        assert case.said in run.message, run.message
        {REFUSED: refused, RECOVERED: recovered, STOPPED: stopped}[case.ends](world, run, before)


def running(world: World) -> dict[str, bool]:
    """Which of the service's containers run."""
    names = vendor.VARIANTS[world.variant]
    return {c.name: c.running for c in world.engine.containers if c.name in (names.database, names.writer)}


def refused(world: World, run: Run, before: dict[str, str]) -> None:
    """The same containers go on, nothing was stopped, and nobody holds the cluster."""
    assert {c.name: c.id for c in world.engine.containers} == before
    assert list(running(world).values()) == [True, True]
    assert "stop-writer" not in run.tasks
    assert lock_of(world) == {}
    world.wait_for_calls(3)
    assert world.missing_records() == {}


def recovered(world: World, run: Run, before: dict[str, str]) -> None:
    """The service is back, takes calls, every row was found again, and the next change may begin."""
    assert list(running(world).values()) == [True, True], run.report
    assert "## The way back" in run.report
    world.wait_for_calls(3)
    assert world.missing_records() == {}
    assert "verify-row-counts again" in run.tasks
    assert lock_of(world) == {}, run.report


def stopped(world: World, run: Run, before: dict[str, str]) -> None:
    """The lock stays, marked, and the report names the way back; the restore point is there for that."""
    assert lock_of(world)["phase"] == "unfinished"
    way = run.report.partition("## The way back")[2].partition("\n## ")[0]
    assert any(word in way for word in ("rollback-data-flow", "dataflow.sh run", "docker start")), run.report
    assert list(world.server.path("/var/lib/portsip/.dataflow-restore").iterdir())
    if world.engine.faults.lost and len(world.engine.faults.lost) > 1:
        assert "default.queue_events UNREADABLE" in run.message
    if "LOST" in run.message or "UNREADABLE" in run.message or "WRONG" in run.message:
        wait_until(lambda: not any(running(world).values()), "nothing works on damaged data")
    assert list(world.control.path(f"{STATE}/changes").iterdir())
