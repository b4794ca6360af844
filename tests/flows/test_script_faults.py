"""The vendor's script fails, or leaves something else than it should: named, reported, and gone on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.flows.story_support import (
    CLICKHOUSE,
    DATABASE,
    WRITER,
    before_step,
    block_of,
    edited,
    ended_clearly,
    failed_step,
    refused_by,
    result_of,
    untouched,
)
from tests.sandbox import vendor
from tests.sandbox.registry import pbx_image
from tests.sandbox.world import World

Install = Callable[..., Run]
RUN_STEPS = (1, 2, *range(6, 18))
SAYS = {
    "exit": "the script reported an error: step {} did not work (exit code 255)",
    "error-line": "the script reported an error: step {} did not work (exit code 0)",
    "kill": "the script was ended by signal 9",
}
DATA = "/var/lib/portsip"


@pytest.fixture
def options() -> dict[str, Any]:
    """What the world of a test is made with; a test changes it by `parametrize`."""
    return {}


@pytest.fixture
def world(options: dict[str, Any]) -> Iterator[World]:
    """A cluster in a box with few calls to hand over, whose script wastes no time."""
    with World(history_rows=2_000, **options) as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.fixture
def cluster(world: World, prefect_server: str) -> Any:
    """The block that points at the world, with short pauses."""
    return edited(block_of(world), settle_pause=0.3)


def _containers(world: World) -> set[str]:
    return {container.name for container in world.engine.containers}


@pytest.mark.timeout(600)
@pytest.mark.matrix
@pytest.mark.parametrize("options", [{"variant": "22.8"}, {"variant": "22.3"}], ids=["22.8", "22.3"])
def test_a_script_that_fails_at_any_step_is_told_by_that_step(
    options: dict[str, Any], world: World, cluster: Any
) -> None:
    """Every step of `run` fails once, in turn in both shapes of the script and in all three ways."""
    assert set(RUN_STEPS) <= set(vendor.steps(vendor.script(options["variant"])))
    for number, step in enumerate(RUN_STEPS[options["variant"] == "22.3" :: 2]):
        how = tuple(SAYS)[number % 3]
        vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=step, FAIL_HOW=how)
        state = _only_the_script(world, cluster, f"run-{step}")
        assert state.is_failed(), step
        told = f"pbx01: tried /bin/bash dataflow.sh run -p {DATA} -a 192.168.1.26; got: {SAYS[how].format(step)}"
        assert told in state.message
        folder = f"/var/lib/dataflow-flows/runs/run-{step}"
        assert f"The whole transcript is {folder}/log on pbx01. Settle the cause, then press Retry." in state.message
        assert world.control.path(f"{folder}/log").exists()


def _only_the_script(world: World, cluster: Any, folder: str) -> Any:
    """The two steps of an install around the script, without the looks: those cost seconds each time."""
    from prefect import flow

    from flows.core.change import ChangeLock
    from flows.tasks.act import recreate
    from flows.tasks.change_lock import acquire_lock, release_lock
    from flows.tasks.prepare import ssh_key

    argv = ["/bin/bash", "dataflow.sh", "run", "-p", DATA, "-a", world.server.address]

    @flow(name="only-the-script")
    def only_the_script() -> None:
        if not world.server.path("/home/pbx/.ssh/authorized_keys").exists():
            ssh_key(cluster)
        wanted = ChangeLock(folder, "a test", "now", "", "install", "target", "preparing")
        lock = acquire_lock(cluster, wanted, return_state=True).result().value
        try:
            recreate(cluster, lock, folder, argv, True)
        finally:
            release_lock(cluster, lock, unfinished=False)

    return only_the_script(return_state=True)


@pytest.mark.matrix
def test_an_install_goes_on_from_a_script_that_failed(world: World, install: Install) -> None:
    """Each failed run says what is done and keeps the lock for its own kind; the last one completes the service."""
    for step, how in ((12, "error-line"), (17, "kill")):
        vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=step, FAIL_HOW=how)
        run = install()
        ended_clearly(run, f"pbx01: tried /bin/bash dataflow.sh run -p {DATA}", SAYS[how].format(step))
        assert f"{run.id}-1/log on pbx01. Settle the cause, then press Retry." in run.message
        assert failed_step(run) == "recreate"
        assert "unfinished" in run.report
        assert _containers(world) == ({DATABASE} if step == 17 else set())
    vendor.settle(world.control, SECONDS_PER_STEP=0)
    run = install()
    assert run.ended == "COMPLETED", run.message
    assert _containers(world) == {DATABASE, WRITER}
    assert not world.control.path("/var/lib/dataflow-flows/change.lock").exists()


@pytest.mark.matrix
@pytest.mark.parametrize("options", [{"variant": "22.3", "docker_installed": False}], ids=["22.3"])
def test_a_small_server_without_docker_gets_it_from_the_older_script(world: World, install: Install) -> None:
    """Docker comes with the script, which pulls for itself; too few cores were lowered by name, and are marked."""
    world.server.answers["nproc"] = "2\n"
    run = install(lowered=["host.vcpu", "host.vcpus"])
    assert run.ended == "COMPLETED", run.message
    assert result_of(run, "pull-image") == "already so"
    assert "the vendor's script installs it" in run.report
    assert _containers(world) == {"portsip.clickhouse", "portsip.dataflow"}
    assert "| warning (lowered) | `host.vcpu` | server: 2 vCPU; required are at least 4" in run.report
    assert "names host.vcpus, which no rule is called" in run.report


def test_a_container_that_docker_keeps_restarting_does_not_count_as_running() -> None:
    """Docker says "running" of it too, also in the pauses between; between two of those nothing would tell."""
    from flows.tasks.look_docker import container

    state = {"Status": "restarting", "Running": True, "Restarting": True}
    described = {"Id": "1", "Name": "/one", "Image": "sha256:2", "State": state, "Config": {"Image": "i"}}
    assert not container(described, None, {}).running
    assert container({**described, "State": {**state, "Restarting": False}}, None, {}).running


@pytest.mark.matrix
def test_an_unhealthy_database_ends_the_waiting(world: World, cluster: Any, install: Install) -> None:
    """It was healthy while the script looked, and is not any more when we do."""

    def fall_ill() -> None:
        world.engine.faults.unhealthy.add(DATABASE)
        health = world.engine.container(DATABASE).health
        while health is not None and health.status != "unhealthy":
            time.sleep(0.02)

    with before_step(world, 17, fall_ill):
        run = install(edited(cluster, settle_timeout=1))
    ended_clearly(run, f"container {DATABASE} is unhealthy", "waiting 1.0 s for a healthy service", "docker ps -a")
    assert failed_step(run) == "settle"


@pytest.mark.matrix
def test_an_image_that_moved_on_during_the_run_is_noticed(world: World, install: Install) -> None:
    """The script pulls for itself, and got another image than the one that was pulled and recorded."""
    with before_step(world, 8, lambda: world.registry.publish(pbx_image("22.9.0.1"))):
        run = install()
    ended_clearly(run, "comparing the running images", f"{WRITER} runs sha256:", "may have ignored -i or -d")
    assert failed_step(run) == "verify-row-counts"


def _container(world: World, name: str, image: str, source: str, target: str) -> None:
    world.server.path(source).mkdir(parents=True, exist_ok=True)
    world.engine.images.load(image)
    world.engine.create(name, {"Image": image, "HostConfig": {"Binds": [f"{source}:{target}"]}})


def test_a_container_that_nobody_knows_on_the_data_path_refuses(world: World, install: Install) -> None:
    """What uses our folder may be somebody's service: nothing is guessed, and nothing lowers it."""
    _container(world, "backup", "portsip/clickhouse:24.8", f"{DATA}/clickhouse", "/to-save")
    run = install(lowered=["host.shared-with-other-pbx"])
    refused_by(run, "host.shared-with-other-pbx", f"unknown container backup uses {DATA}", "Do it by hand")
    assert "host.shared-with-other-pbx stays an error" in run.report
    untouched(world)


def test_half_a_service_that_no_unfinished_install_explains_refuses(world: World, install: Install) -> None:
    """Somebody else's trouble is looked at by a person first."""
    _container(world, DATABASE, CLICKHOUSE, f"{DATA}/clickhouse/data", "/var/lib/clickhouse")
    run = install()
    refused_by(run, "install.partial", "only a part of the service's containers", "docker ps -a")
    assert _containers(world) == {DATABASE}
    untouched(world)
