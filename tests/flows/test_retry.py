"""A script that fails, complains or asks, and a pull that fails: what the run tells, and how Retry goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.flows.support import (
    PREPARATIONS,
    STATE,
    FlowRun,
    completed_with_one_start,
    hold,
    job_of,
    lock_of,
    quick_block,
    starts,
)
from tests.sandbox import vendor
from tests.sandbox.world import World


@pytest.fixture
def block(world: World, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cluster's block, impatient."""
    return quick_block(world, monkeypatch)


def preparations(run: Run) -> dict[str, str]:
    """The state of each step that prepares."""
    return {name: said.split(":")[0] for name, said in run.tasks.items() if name in PREPARATIONS}


@pytest.mark.matrix
def test_the_script_fails_and_is_retried(world: World, block: Any) -> None:
    """The report shows where the transcript is and its end; Retry makes no finished preparation again."""
    hold(world, 2, "exit")
    first = FlowRun(block)
    run = first.carry_out()
    assert run.ended == "FAILED"
    for said in ("ScriptFailed", "exit code 255", f"{STATE}/runs/{first.id}-1/log", "[error]: step 2 did not work"):
        assert said in run.message
        assert said.removeprefix("ScriptFailed") in run.report
    assert lock_of(world)["phase"] == "unfinished"
    rules, token = len(world.pbx.rules), world.pbx.token
    vendor.settle(world.control, SECONDS_PER_STEP=0)
    again = first.retry()
    assert again.ended == "COMPLETED", again.message
    assert starts(world) == 2
    assert (len(world.pbx.rules), world.pbx.token) == (rules, token)
    assert preparations(again) == dict.fromkeys(PREPARATIONS, "Cached")
    assert lock_of(world) == {}
    assert world.control.path(f"{STATE}/runs/{first.id}-1/log").exists()


@pytest.mark.matrix
def test_the_script_fails_and_a_new_run_goes_on(world: World, block: Any) -> None:
    """What is half there belongs to the unfinished change with the same target, so a new run may finish it."""
    hold(world, 14, "exit")
    assert FlowRun(block).carry_out().ended == "FAILED"
    assert len(world.engine.containers) == 1
    vendor.settle(world.control, SECONDS_PER_STEP=0)
    run = FlowRun(block).carry_out()
    assert run.ended == "COMPLETED", run.message
    assert starts(world) == 2
    assert "taken over from install" in run.tasks["lock"]


@pytest.mark.matrix
def test_an_error_line_is_a_failure_whatever_the_exit_code(world: World, block: Any) -> None:
    """The vendor's script prints `[error]:` and ends with 0 on some."""
    hold(world, 2, "error-line")
    run = FlowRun(block).carry_out()
    assert "the script reported an error: step 2 did not work (exit code 0)" in run.message
    assert lock_of(world)["phase"] == "unfinished"


@pytest.mark.matrix
def test_the_script_asks_on_its_terminal(world: World, block: Any) -> None:
    """The run ends with the question and how to answer; the answer lets the script go on, and Retry reads its end."""
    hold(world, 2, "ask")
    secret = world.password
    script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
    script.write_text(script.read_text().replace("cloud.cfg:", f"cloud.cfg ({secret}):"))
    first = FlowRun(block)
    run = first.carry_out()
    answer = f"{STATE}/runs/{first.id}-1/answer"
    for said in ("it asks: '*** cloud.cfg (***): Do you want to continue?", f"echo ANSWER > {answer}", "kill "):
        assert said in run.message
        assert said in run.report
    assert f"pid {job_of(world)['script_pid']} still runs" in run.message
    assert secret not in run.message + run.report + run.logs
    assert (lock_of(world)["phase"], job_of(world)["state"]) == ("unfinished", "waiting-for-input")
    world.control.path(answer).write_text("Y\n")
    again = first.retry()
    completed_with_one_start(world, again)
    assert "continue with Y" in world.control.path(answer).with_name("log").read_text()
    # Attached to, or on a busy machine ended before the retry came to it: its end is in the report either way.
    assert "exit code 0" in again.tasks["recreate"]
    assert "`run` on pbx01: exit code 0" in again.report


@pytest.mark.matrix
def test_a_pull_that_failed_is_resumed_behind_the_last_finished_preparation(world: World, block: Any) -> None:
    """Nothing was changed on the server, the lock was given back, and Retry begins with the pull."""
    world.registry.refuse = True
    first = FlowRun(block)
    run = first.carry_out()
    assert run.ended == "FAILED"
    assert "given back" in run.report
    assert lock_of(world) == {}
    world.registry.refuse = False
    again = first.retry()
    assert again.ended == "COMPLETED", again.message
    assert preparations(again) == dict.fromkeys(PREPARATIONS, "Cached") | {"pull-image": "Completed"}
