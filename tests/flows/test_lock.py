"""One change per cluster at a time (promise P7): the lock on the control node."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import paramiko
import pytest

from flows.core.change import ChangeLock, Outcome
from flows.errors import ChangeLocked
from flows.tasks.change_lock import acquire_lock, release_lock
from tests.flows.conftest import Run
from tests.flows.support import (
    STATE,
    FlowRun,
    completed_with_one_start,
    hold,
    lock_of,
    meanwhile,
    quick_block,
    wait_for_step,
    wait_until,
)
from tests.sandbox import vendor
from tests.sandbox.processes import of as processes_of
from tests.sandbox.world import World

# The lock's tasks are called here without a flow around them.
pytestmark = pytest.mark.filterwarnings("ignore:Logger 'prefect.task_runs' attempted:UserWarning")


@pytest.fixture
def block(world: World, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cluster's block, impatient."""
    return quick_block(world, monkeypatch)


FILE = f"{STATE}/change.lock"
OURS = ChangeLock(
    "run-a",
    "install prod, requested by anna",
    "2026-01-02",
    "http://ui/run-a",
    "install",
    "v1",
    "preparing",
    change="run-a",
)
OTHERS = replace(OURS, run="run-b", holder="install prod, requested by ben", link="http://ui/run-b")


def acquire(block: Any, lock: ChangeLock) -> ChangeLock:
    """Take the lock for this run; what it holds then."""
    taken: ChangeLock = acquire_lock(block, lock).result().value
    return taken


def release(block: Any, lock: ChangeLock, *, unfinished: bool = False) -> str:
    """Give the lock back; what that says."""
    outcome: Outcome = release_lock(block, lock, unfinished=unfinished).result()
    return outcome.message


def refused(block: Any, lock: ChangeLock) -> str:
    """Try to take the lock and be refused; the words of the refusal."""
    with pytest.raises(ChangeLocked) as caught:
        acquire_lock(block, lock)
    return str(caught.value)


@pytest.mark.matrix
def test_a_second_run_is_refused_while_the_first_is_in_its_script(world: World, block: Any) -> None:
    """It names holder, since when, the link, and how to release; it changes nothing, and the first completes."""
    hold(world, 2)
    first, second = FlowRun(block, requested_by="anna"), FlowRun(block)
    ended: list[Run] = []

    def run_second() -> None:
        wait_for_step(world, 2)
        before = world.control.path(FILE).read_text()
        ended.append(second.carry_out())
        assert world.control.path(FILE).read_text() == before
        vendor.let_go_on(world.control)

    with meanwhile(run_second):
        run = first.carry_out()
    completed_with_one_start(world, run)
    (other,) = ended
    assert other.ended == "FAILED"
    for said in ("ChangeLocked", "install sandbox, requested by anna holds it since 2", "phase script"):
        assert said in other.message
    assert f"/runs/flow-run/{first.id}" in other.message
    assert f"run reconcile-data-flow with force_unlock={first.id}" in other.message
    assert "its run is over" not in other.message
    assert other.report.startswith("# install sandbox: refused")
    assert list(other.tasks) == ["look", "preflight", "lock"]


def test_the_lock_is_whole_and_private(world: World, block: Any) -> None:
    """Everything that a refusal has to tell is in it, and only the account reads the folder."""
    acquire(block, OURS)
    assert lock_of(world) == OURS.as_dict()
    modes = {
        name: world.control.path(f"{STATE}{name}").stat().st_mode & 0o777 for name in ("", "/runs", "/change.lock")
    }
    assert modes == {"": 0o700, "/runs": 0o700, "/change.lock": 0o600}
    left = {place.name for place in world.control.path(STATE).iterdir()}
    assert left == {"runs", "change.lock", "change.lock.guard"}


@pytest.mark.parametrize("unfinished", [False, True])
def test_of_many_at_once_one_gets_it(world: World, block: Any, unfinished: bool) -> None:
    """Be it free or an unfinished change that each may go on with: the others are refused with the name of the one."""
    if unfinished:
        acquire(block, OURS)
        release(block, OURS, unfinished=True)
    said: list[str] = []

    def try_it(number: int) -> None:
        lock = replace(OURS, run=f"run-{number}", holder=f"holder {number}")
        try:
            said.append(acquire(block, lock).holder)
        except ChangeLocked as error:
            said.append(str(error))

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    winner = lock_of(world)["holder"]
    assert said.count(winner) == 1
    assert len([words for words in said if f"{winner} holds it" in words]) == 3


def test_a_link_that_is_cut_while_the_lock_is_taken_leaves_none(world: World, block: Any) -> None:
    """A half lock would keep everybody out, or nobody."""
    acquire(block, OURS)
    command = next(text for text in world.control.commands if FILE in text and "cat >" in text)
    world.control.path(FILE).unlink()
    transport = paramiko.Transport(("127.0.0.1", world.control.ssh_port))
    transport.connect(username=world.control.user, password=world.control.password)
    channel = transport.open_session()
    channel.exec_command(command)
    channel.sendall(b'{"run": "run-a", "holder": ')
    wait_until(lambda: processes_of(world.control.root), "the command to begin")
    world.control.link.cut()
    transport.close()
    wait_until(lambda: not processes_of(world.control.root), "the command to end")
    assert lock_of(world) == {}
    assert acquire(block, OURS) == OURS


def test_the_same_run_takes_it_again(world: World, block: Any) -> None:
    """A retry goes on under its own lock, knows the script that it started, and may aim at something else."""
    acquire(block, OURS)
    world.control.path(FILE).write_text(world.control.path(FILE).read_text().replace('"script": ""', '"script": "a-1"'))
    again = acquire(block, replace(OURS, target="v2"))
    assert (again.script, again.target) == ("a-1", "v2")
    assert lock_of(world) == again.as_dict()


@pytest.mark.parametrize("target", ["v1", "v2"])
@pytest.mark.parametrize("phase", ["preparing", "script"])
def test_the_lock_of_a_run_that_goes_on_is_nobody_elses(world: World, block: Any, phase: str, target: str) -> None:
    """Whatever the other one aims at, and however far the first one came; the lock stays as it is."""
    acquire(block, replace(OURS, phase=phase))
    words = refused(block, replace(OTHERS, target=target))
    assert f"requested by anna holds it since 2026-01-02, phase {phase}: http://ui/run-a" in words
    assert lock_of(world)["run"] == "run-a"


def test_an_unfinished_change_is_for_the_same_target_only(world: World, block: Any) -> None:
    """Another target would build on a half changed service; the same one takes it over with its script's folder."""
    acquire(block, OURS)
    assert "kept and marked unfinished" in release(block, OURS, unfinished=True)
    assert lock_of(world) == replace(OURS, phase="unfinished").as_dict()
    words = refused(block, replace(OTHERS, target="v2"))
    for said in ("phase unfinished", "press its Retry, order the same again", "with abandon=run-a it gives"):
        assert said in words
    assert acquire(block, OTHERS) == OTHERS
    assert lock_of(world) == OTHERS.as_dict()


@pytest.mark.parametrize("kind", ["rollback", "start"])
def test_what_brings_back_may_go_on_with_any_unfinished_change(world: World, block: Any, kind: str) -> None:
    """It keeps the folder of the change, so that its first reference stays the reference; also through a second one."""
    acquire(block, replace(OURS, change=""))
    assert lock_of(world)["change"] == "run-a"
    assert "phase preparing" in refused(block, replace(OTHERS, kind=kind, target="v2", change=""))
    release(block, OURS, unfinished=True)
    for run in ("run-b", "run-c"):
        taken = acquire(block, replace(OTHERS, run=run, kind=kind, target="v2", change=""))
        assert (taken.run, taken.kind, taken.change) == (run, kind, "run-a")
        release(block, taken, unfinished=True)


def test_only_its_own_lock_is_given_back(world: World, block: Any) -> None:
    """What another run holds meanwhile stays, finished or not."""
    acquire(block, OURS)
    before = lock_of(world)
    for unfinished in (False, True):
        assert "not this run's any more" in release(block, OTHERS, unfinished=unfinished)
        assert lock_of(world) == before
    assert release(block, OURS) == "given back"
    assert lock_of(world) == {}
    assert "not this run's any more" in release(block, OURS)


def test_a_refusal_tells_that_the_control_node_was_rebooted(world: World, block: Any) -> None:
    """Then no script runs there any more, which helps to decide."""
    acquire(block, replace(OURS, boot_id="before"))
    words = refused(block, replace(OTHERS, boot_id="after"))
    assert "(pbx01 was rebooted since)" in words
    assert "Run reconcile-data-flow: it settles what that run left." in words
    assert "rebooted" not in refused(block, replace(OTHERS, boot_id="before"))


def test_a_refusal_tells_that_prefect_knows_the_holder_to_be_over(world: World, block: Any) -> None:
    """The lock of a run that was seen to crash is named as such; it is still not taken from it."""
    run = FlowRun(block)
    acquire(block, replace(OURS, run=str(run.id)))
    assert "its run is over" not in refused(block, OTHERS)
    run.crashed()
    words = refused(block, OTHERS)
    assert "(its run is over: Crashed), phase preparing" in words
    assert f"If it cannot, run it with force_unlock={run.id}" in words
    assert lock_of(world)["run"] == str(run.id)


def test_a_lock_of_a_version_that_knew_no_change_folder_can_be_taken_over(world: World, block: Any) -> None:
    """Its text is compared as it was written; whoever takes it over goes on with the run's id as the change's."""
    acquire(block, OURS)
    older = {name: value for name, value in lock_of(world).items() if name != "change"}
    world.control.path(FILE).write_text(json.dumps(older | {"phase": "unfinished"}))
    assert acquire(block, replace(OTHERS, change="")).change == "run-a"
