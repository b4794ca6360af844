"""The vendor's script is never interrupted and never started twice (promise P1), whatever happens to us meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import flows.change
from tests.flows.audit_support import agree, beside, logged, told
from tests.flows.conftest import read_run
from tests.flows.story_support import edited
from tests.flows.support import (
    AT_THE_END,
    STATE,
    FlowRun,
    completed_with_one_start,
    hold,
    impatient_block,
    job_of,
    lock_of,
    meanwhile,
    starts,
    wait_for_step,
    wait_until,
)
from tests.sandbox import vendor
from tests.sandbox.processes import of as processes_of
from tests.sandbox.saved_blocks import save
from tests.sandbox.world import World


@pytest.fixture
def block(world: World, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cluster's block, impatient."""
    return impatient_block(world, monkeypatch)


LOST = "Lost sight of pbx01, where the script goes on by itself"


@pytest.mark.matrix
def test_a_link_that_is_cut_in_the_middle(world: World, block: Any) -> None:
    """The script goes on, the follower connects again, and no line is missing or told twice."""
    hold(world, 2)

    def cut() -> None:
        wait_for_step(world, 2)
        world.control.link.cut()
        vendor.let_go_on(world.control)

    with meanwhile(cut):
        run = FlowRun(block).carry_out()
    completed_with_one_start(world, run)
    assert LOST in run.logs
    assert run.logs.count("pbx01 | [info]: deploy the data flow on 192.168.1.26") == 1
    assert "pbx01 | [info]: the data flow is deployed" in run.logs


@pytest.mark.matrix
def test_a_link_that_freezes_in_silence(world: World, block: Any) -> None:
    """A link that says nothing at all is given up within seconds and opened anew once it answers."""
    hold(world, 2)
    link = world.control.link

    def freeze() -> None:
        wait_until(lambda: any(" follow " in text for text in world.control.commands), "the follower")
        link.freeze()
        before = link.connections
        vendor.let_go_on(world.control)
        wait_until(lambda: link.connections > before, "a new connection though nothing said that the old one broke")
        link.thaw()

    with meanwhile(freeze):
        run = FlowRun(block).carry_out()
    completed_with_one_start(world, run)
    assert LOST in run.logs


@pytest.mark.matrix
def test_a_control_node_out_of_reach_until_the_end(world: World, block: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends as still running, not as unreachable, says that the lock is held, and Retry attaches.

    The record of the first attempt stays in its artifact until reconcile appends it.
    """
    from flows.reconcile import reconcile_data_flow

    impatient = flows.change.release_lock.with_options(retries=0)
    monkeypatch.setattr("flows.change.release_lock", impatient)
    block = edited(block, name="out-of-reach")
    hold(world, 2)
    link = world.control.link

    def away() -> None:
        wait_for_step(world, 2)
        link.refuse()
        link.cut()

    with meanwhile(away):
        first = FlowRun(block)
        run = first.carry_out(block.model_copy(update={"script_timeout": 1.0}))
    assert "ScriptStillRunning" in run.message
    assert f"{STATE}/runs/{first.id}-1/log" in run.message
    assert "still held by this run" in run.report
    assert [(each.outcome, head) for each, head in beside(run.id)] == [("the script is still running", None)]
    link.allow()
    with meanwhile(lambda: vendor.let_go_on(world.control)):
        completed_with_one_start(world, first.retry())
    assert told(world) == [("install", "done")]
    reconciled = read_run(reconcile_data_flow(block, return_state=True))
    assert "1 of 1 that waited" in reconciled.tasks["write-records"]
    assert [(each.outcome, each.attempt) for each in logged(world)] == [("done", 2), ("the script is still running", 1)]
    agree(world, run.id)


@pytest.mark.matrix
@pytest.mark.parametrize(("limit", "step"), [("script_timeout", 2), ("silence_timeout", 17)])
def test_our_waiting_ends_before_the_script(world: World, block: Any, limit: str, step: int) -> None:
    """Nothing is killed, the lock is kept, the words name pid, log and command; Retry or a new run attaches."""
    hold(world, step)
    first = FlowRun(block)
    run = first.carry_out(block.model_copy(update={limit: 0.5}))
    job, lock = job_of(world), lock_of(world)
    assert run.ended == "FAILED"
    log = f"tail -f {STATE}/runs/{first.id}-1/log"
    for said in ("ScriptStillRunning", f"pid {job['script_pid']} still runs", log, f"kill {job['script_pid']}"):
        assert said in run.message
        assert said.replace("ScriptStillRunning", "the script is still running") in run.report
    assert {job["pid"], job["script_pid"]} <= set(processes_of(world.control.root))
    assert (lock["phase"], lock["run"]) == ("unfinished", str(first.id))
    assert "kept and marked unfinished" in run.report

    wait_for_step(world, step)
    if step == 2:
        with meanwhile(lambda: go_on_when(world, lambda: lock_of(world)["phase"] == "script")):
            again = first.retry()
    else:  # it ends behind the second look, before the new run comes to it
        world.registry.seconds, before = 4, len(world.registry.pulls)
        with meanwhile(lambda: go_on_when(world, lambda: len(world.registry.pulls) > before)):
            again = FlowRun(block).carry_out()
    completed_with_one_start(world, again)
    assert job["pid"] not in processes_of(world.control.root)


def go_on_when(world: World, true: Callable[[], bool]) -> None:
    """Let the script go on as soon as this is so."""
    wait_until(true, "the run to come that far")
    vendor.let_go_on(world.control)


@pytest.mark.matrix
def test_the_service_is_up_and_its_script_still_runs(world: World, block: Any) -> None:
    """A retry finds nothing left to do, but it waits for the script, and the lock is kept while that runs."""
    hold(world, AT_THE_END)
    impatient = block.model_copy(update={"silence_timeout": 0.5})
    first = FlowRun(block)
    assert "ScriptStillRunning" in first.carry_out(impatient).message
    wait_for_step(world, AT_THE_END)
    again = first.retry(impatient)
    assert "ScriptStillRunning" in again.message
    assert "leave it alone" in again.report
    assert lock_of(world)["phase"] == "unfinished"
    vendor.let_go_on(world.control)
    completed_with_one_start(world, first.retry())


@pytest.mark.matrix
def test_a_new_run_that_fails_earlier_keeps_the_lock_of_the_running_script(world: World, block: Any) -> None:
    """It took the unfinished change over and failed in a preparation: the script's lock is not given away."""
    hold(world, 2)
    FlowRun(block).carry_out(block.model_copy(update={"silence_timeout": 0.5}))
    world.registry.refuse = True
    run = FlowRun(block).carry_out()
    assert run.tasks["pull-image"].startswith("Failed")
    assert lock_of(world)["phase"] == "unfinished"
    assert starts(world) == 1


@pytest.mark.matrix
def test_a_worker_dies_and_the_retry_is_cancelled(world: World, block: Any, prefect_server: str) -> None:
    """Neither takes the script with it: the next attempt attaches, and the report of the cancelled one says so."""
    save(world, "sandbox")
    hold(world, 2)
    first = FlowRun(block)
    with first.process(prefect_server) as process:
        wait_for_step(world, 2)
        process.kill()
    job = job_of(world)
    assert (lock_of(world)["phase"], lock_of(world)["run"]) == ("script", str(first.id))

    first.crashed()
    first.press_retry()
    with first.process(prefect_server) as process:
        wait_until(lambda: lock_of(world)["phase"] == "preparing", "the retry under its own lock")
        wait_until(lambda: lock_of(world)["phase"] == "script", "the retry at the script")
        process.terminate()
        process.wait(240)
    assert "# install sandbox: cancelled" in first.read().report
    assert "kept and marked unfinished" in first.read().report
    assert (lock_of(world)["phase"], job_of(world)) == ("unfinished", job)
    assert {job["pid"], job["script_pid"]} <= set(processes_of(world.control.root))

    with meanwhile(lambda: vendor.let_go_on(world.control)):
        completed_with_one_start(world, first.retry())
