"""What a dead run left is settled: closed with a late report, or told loudly; nothing is taken from the living."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState, Image, Images, Phase, from_json
from flows.core.data.snapshot import as_json
from flows.tasks.change_lock import acquire_lock, release_lock
from flows.tasks.change_state import keep, read_state, write_state
from flows.tasks.data import read_data
from flows.tasks.restore_point import make_restore_point
from tests.flows.audit_support import agree, beside
from tests.flows.conftest import Run, read_run
from tests.flows.story_support import DATABASE, WRITER, block_of
from tests.flows.support import STATE, FlowRun, hold, job_of, lock_of, quick_block, starts, wait_for_step, wait_until
from tests.sandbox import vendor
from tests.sandbox.docker_damage import smallest_part
from tests.sandbox.saved_blocks import save
from tests.sandbox.world import SERVER, World

# Some tasks are called here without a flow around them.
pytestmark = pytest.mark.filterwarnings("ignore:Logger 'prefect.task_runs' attempted:UserWarning")

RECORDED = {"DATA_PATH": "/var/lib/portsip", "PRI_IP_ADDRESS": SERVER}
LOCK = ChangeLock("run-a", "upgrade box, requested by anna", "2026-01-02 03:04:05+00:00", "", "upgrade", "t", "script")
CHANGE = ChangeState(
    "run-a", "upgrade", "sandbox", "t", Phase.STOPPING, ("run-a",), requested_by="anna", ticket="CHG-7"
)


@pytest.fixture
def there() -> Iterator[World]:
    """A cluster whose service was installed long ago."""
    with World(installed="25.8", history_rows=2_000) as world:
        yield world


def reconcile(block: Any, **parameters: Any) -> Run:
    """Run the flow here and read back what it left."""
    from flows.reconcile import reconcile_data_flow

    return read_run(reconcile_data_flow(block, **parameters, return_state=True))


def own_report(run: Run) -> str:
    """The report of the reconciling run itself; `run.report` is the late one of the dead run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    only = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run.id]}})
    with get_client(sync_client=True) as client:
        return next(str(a.data) for a in client.read_artifacts(artifact_filter=only) if "reconcile-" in (a.key or ""))


def left_behind(block: Any, state: ChangeState = CHANGE, lock: ChangeLock = LOCK) -> None:
    """A change that ended half way."""
    acquire_lock(block, lock)
    with block.control.get_client() as ssh:
        write_state(ssh, state)
    release_lock(block, lock, unfinished=True)


def record(block: Any) -> None:
    """Keep what the tables hold now as the reference of the change."""
    with (
        block.control.get_client() as control,
        block.server.get_client() as ssh,
        block.clickhouse.get_client(ssh, block.data_path) as clickhouse,
    ):
        keep(control, "run-a", "reference", as_json(read_data(clickhouse)))


def state_of(block: Any, change: str = "run-a") -> ChangeState:
    """The change as its folder has it now."""
    with block.control.get_client() as ssh:
        state = read_state(ssh, change)
    assert state is not None
    return state


@pytest.mark.matrix
def test_a_killed_worker_in_the_middle_of_the_script(
    world: World, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the run counts as running, or its script runs, it is left alone; then it is closed with a late report."""
    block = quick_block(world, monkeypatch)
    save(world, "sandbox")
    hold(world, 2)
    dead = FlowRun(block, requested_by="anna")
    with dead.process(prefect_server) as process:
        wait_for_step(world, 2)
        process.kill()
    before = lock_of(world)
    dead.crashed()
    run = reconcile(block)
    assert run.ended == "COMPLETED"
    assert "still runs: left alone, the lock is kept" in run.message
    assert lock_of(world) == before

    vendor.let_go_on(world.control)
    wait_until(lambda: job_of(world)["state"] == "finished", "the script to end")
    run = reconcile(block)
    assert run.ended == "COMPLETED", run.message
    assert "is closed: the service is up; nothing was recorded to compare with" in run.message
    assert (lock_of(world), starts(world)) == ({}, 1)
    assert run.report.startswith("# install sandbox: late report")
    wanted = ("| Requested by | anna |", "written late", f"/runs/flow-run/{dead.id}", "exit code 0", "flow is deployed")
    assert [said for said in wanted if said not in run.report] == []
    assert state_of(block, before["change"]).phase is Phase.CLOSED
    (late, _), (own, _) = beside(run.id)
    assert (late.run, late.late, late.requested_by) == (str(dead.id), True, "anna")
    assert (late.trigger.deployment, own.kind, own.late) == ("install-data-flow/tests", "reconcile", False)
    agree(world, run.id)
    again = reconcile(block)
    assert (again.message, again.report, beside(again.id)) == ("no change holds the cluster", "", [])


@pytest.mark.matrix
def test_a_service_left_down(there: World, prefect_server: str) -> None:
    """It is critical and the run fails; by default nothing is touched; with `recover` it is started, proved, closed."""
    block = block_of(there)
    left_behind(block)
    for container in there.engine.containers:
        container.stop(5)
    run = reconcile(block)
    assert run.ended == "FAILED"
    assert "critical: the service is down since a change died in phase stopping" in run.message
    assert f"docker start {DATABASE}" in run.message
    report = own_report(run)
    assert "`change.service-down`" in report
    assert f"docker start {WRITER}" in report
    assert not any(container.running for container in there.engine.containers)
    assert lock_of(there) == replace(LOCK, phase="unfinished", change="run-a").as_dict()

    run = reconcile(block, on_failure="recover")
    assert run.ended == "COMPLETED", run.message
    assert all(container.running for container in there.engine.containers)
    assert lock_of(there) == {}
    assert state_of(block).phase is Phase.CLOSED
    assert run.report.startswith("# upgrade sandbox: late report")


@pytest.mark.matrix
@pytest.mark.parametrize("way", ["run-target", "run-recorded"])
def test_a_change_that_died_behind_the_removal(there: World, prefect_server: str, way: str) -> None:
    """The recorded images only where nothing opened the data since its restore point; else forward; both by digest."""
    block = block_of(there)
    found = [Image(c.image.tags[0], c.image.id, c.image.digests[0], "") for c in there.engine.containers]
    images = Images(*sorted(found, key=lambda image: "clickhouse" in image.reference))
    other = replace(images, clickhouse=replace(images.clickhouse, digest="portsip/clickhouse@sha256:other"))
    state = replace(CHANGE, phase=Phase.SCRIPT, recorded=RECORDED)
    left_behind(block, state)
    rows = there.ask("SELECT count() FROM cdr")
    record(block)
    for container in list(there.engine.containers):
        container.stop(5)
        there.engine.remove(container.name, force=True)
    if way == "run-recorded":
        with block.server.get_client() as ssh, block.docker.get_client(ssh) as client:
            point = make_restore_point(block, ssh, client, change="run-a", recorded=RECORDED, images=images)
        state = replace(state, old=images, new=other, restore_point=point.id)
    else:
        state = replace(state, old=other, new=images)
    with block.control.get_client() as control:
        write_state(control, state)
    run = reconcile(block, on_failure="recover")
    assert run.ended == "COMPLETED", run.message
    assert f"| {way}, because" in own_report(run)
    assert "Nothing was lost" in run.message
    assert there.ask("SELECT count() FROM cdr") == rows
    assert {c.image.id for c in there.engine.containers if c.running} == {images.pbx.id, images.clickhouse.id}
    assert lock_of(there) == {}


def test_rows_that_are_gone_stop_the_service(there: World, prefect_server: str) -> None:
    """The service of a dead change is up, but a part is missing: it is stopped, and the change stays open."""
    block = block_of(there)
    left_behind(block)
    record(block)
    database = there.engine.container(DATABASE)
    database.stop(5)
    part = smallest_part(there.server.path("/var/lib/portsip/clickhouse/data"), "cdr")
    assert part is not None
    shutil.rmtree(part)
    database.start()
    run = reconcile(block, on_failure="recover")
    assert run.ended == "FAILED"
    assert "VerificationFailed" in run.message
    assert "default.cdr LOST" in run.message
    assert not any(container.running for container in there.engine.containers)
    assert "the service was stopped so that nothing works on this data" in own_report(run)
    assert (lock_of(there)["phase"], lock_of(there)["run"]) == ("unfinished", "run-a")
    assert state_of(block).verdict == "LOST"


def test_a_lock_is_broken_by_force_only_with_its_id_and_on_record(world: World, prefect_server: str) -> None:
    """Another id is refused and changes nothing; the right one leaves a line with who, why and the whole lock."""
    block = block_of(world)
    acquire_lock(block, LOCK)
    held = lock_of(world)
    left = reconcile(block)
    assert "left alone" in left.message
    assert "type its id into force_unlock: run-a" in left.message
    wrong = reconcile(block, force_unlock="run-b")
    assert wrong.ended == "FAILED"
    assert "the lock is held by run run-a" in wrong.message
    assert lock_of(world) == held
    assert not world.control.path(f"{STATE}/unlocks.jsonl").exists()

    run = reconcile(block, force_unlock="run-a", requested_by="ben", ticket="CHG-8")
    assert run.ended == "COMPLETED", run.message
    assert lock_of(world) == {}
    place = world.control.path(f"{STATE}/unlocks.jsonl")
    (line,) = place.read_text().splitlines()
    said = json.loads(line)
    assert (said["what"], said["who"], said["ticket"], said["run"]) == ("force_unlock", "ben", "CHG-8", run.id)
    assert said["lock"] == held
    assert place.stat().st_mode & 0o777 == 0o600
    assert "`change.lock-broken`" in own_report(run)


def test_a_change_is_given_up_on_record_and_the_service_left_alone(world: World, prefect_server: str) -> None:
    """Its folder says who gave it up; what holds no lock any more but was never closed is told, and can be given up."""
    block = block_of(world)
    left_behind(block)
    with block.control.get_client() as ssh:
        write_state(ssh, replace(CHANGE, id="older"))
    run = reconcile(block, abandon="run-a", requested_by="ben", ticket="CHG-8")
    assert run.ended == "COMPLETED", run.message
    assert lock_of(world) == {}
    assert state_of(block).phase is Phase.CLOSED
    assert f"by ben, ticket CHG-8 (run {run.id})" in state_of(block).note
    report = own_report(reconcile(block))
    assert "`change.left-open`" in report
    assert "upgrade older (stopping)" in report
    assert reconcile(block, abandon="older").ended == "COMPLETED"
    lines = world.control.path(f"{STATE}/unlocks.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["abandon", "abandon"]
    closed = world.control.path(f"{STATE}/changes/older/state.json").read_text()
    assert from_json(closed).phase is Phase.CLOSED
