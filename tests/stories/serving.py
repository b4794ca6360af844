"""A service that runs and takes calls: stopped, started, restarted and recreated, and each time every call is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.flows.health_support import check
from tests.flows.story_support import ended_clearly, result_of
from tests.flows.support import STATE, FlowRun, hold, lock_of, meanwhile, starts, wait_for_step, wait_until
from tests.sandbox import vendor
from tests.sandbox.registry import NEW_PBX, OLD_PBX
from tests.sandbox.world import World
from tests.stories.words import begin, both, carry_out, identities, images, nothing_is_lost, once_at, running
from tests.stories.worlds import Wanted, in_world

SERVING = Wanted(shared="serving", installed="24.8", live_calls=True)
RECREATED = Wanted(shared="recreated", installed="24.8", live_calls=True)
"""Worlds that several stories share: each of them leaves the service as it was."""


def control(cluster: Any, verb: str, **parameters: Any) -> Run:
    """Start, stop or restart the service."""
    from flows.control import control_data_flow

    return carry_out(control_data_flow, cluster, verb, **parameters)


def noted(world: World) -> dict[str, Any]:
    """What the control node knows of a stop on purpose; empty when there is none."""
    place = world.control.path(f"{STATE}/stopped.json")
    found: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    return found


@pytest.mark.matrix
@in_world(SERVING)
def test_a_stop_is_noted_and_the_next_start_proves_every_row(world: World, cluster: Any) -> None:
    """The stop says who and why, a health check calls that no alarm; the start compares with what the stop recorded."""
    begin(world)
    assert check(cluster).found == {}
    ids, database = identities(world), vendor.VARIANTS[world.variant].database
    stop = control(cluster, "stop", requested_by="anna", ticket="CHG-7")
    assert stop.ended == "COMPLETED", stop.message
    assert running(world) == both(world, False)
    assert f"{database} ended with exit code 0" in stop.tasks["verify-stopped"]
    assert [result_of(stop, step) for step in ("record-rows", "stop", "unlock")] == ["looked", "changed", "looked"]
    assert (noted(world)["ticket"], lock_of(world)) == ("CHG-7", {})
    assert "anna" in noted(world)["holder"]
    seen = check(cluster)
    assert seen.found == {}
    assert "health.known-stop" in {row["id"] for row in seen.rows}

    start = control(cluster, "start")
    assert start.ended == "COMPLETED", start.message
    assert running(world) == both(world, True)
    assert identities(world) == ids
    for said in ("stopped on purpose", "CHG-7", "default.cdr"):
        assert said in start.report
    assert f"registered on the PBX with {world.server.address}" in start.tasks["verify-row-counts"]
    assert (noted(world), lock_of(world)) == ({}, {})
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(SERVING)
def test_a_start_ends_a_restart_that_failed_half_way(world: World, cluster: Any) -> None:
    """Its lock lets a start through, which compares every table with what the restart recorded; then one succeeds."""
    begin(world)
    ids = identities(world)
    vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=20)
    failed = control(cluster, "restart")
    ended_clearly(failed, "pbx01: tried /bin/bash dataflow.sh restart", "step 20 did not work")
    assert lock_of(world)["phase"] == "unfinished"
    assert running(world) == both(world, False)
    vendor.settle(world.control, SECONDS_PER_STEP=0)

    start = control(cluster, "start")
    assert start.ended == "COMPLETED", start.message
    assert "default.cdr" in start.report
    assert lock_of(world) == {}
    state = json.loads(world.control.path(f"{STATE}/changes/{failed.id}-1/state.json").read_text())
    assert state["phase"] == "closed"
    assert "ended by the start" in state["note"]

    run = control(cluster, "restart")
    assert run.ended == "COMPLETED", run.message
    assert "changed: restart" in run.message
    assert running(world) == both(world, True)
    assert identities(world) == ids
    assert "default.cdr" in run.report
    assert lock_of(world) == {}
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(SERVING)
def test_containers_that_are_killed_come_back_with_every_call(world: World, cluster: Any) -> None:
    """Docker starts them again by its policy; no acknowledged call is missing, and a restart finds every row."""
    begin(world)
    ids = identities(world)
    for container in world.containers():
        world.kill_container(container.name)
    wait_until(lambda: running(world) == both(world, True), "Docker to start both again")
    nothing_is_lost(world)

    run = control(cluster, "restart")
    assert run.ended == "COMPLETED", run.message
    assert "default.cdr" in run.report
    assert identities(world) == ids
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(RECREATED)
def test_a_recreate_with_a_new_token_keeps_parameters_images_and_calls(world: World, cluster: Any) -> None:
    """A tag that moved on refuses it; then the containers are new ones of the same images, the token is never shown."""
    from flows.recreate import recreate_data_flow

    begin(world)
    world.publish_pbx(NEW_PBX)
    world.pbx.version = NEW_PBX
    moved = carry_out(recreate_data_flow, cluster)
    assert "recreate.image-moved: portsip/pbx:22 now means" in moved.message
    assert "Nothing was stopped" in moved.message
    world.publish_pbx(OLD_PBX)
    world.pbx.version = OLD_PBX

    ids, before = identities(world), images(world)
    saved, token = world.server.path(world.saved_parameters).read_text(), world.pbx.token
    run = carry_out(recreate_data_flow, cluster, reason="new token", new_token=True, explanation="yearly", deep=True)
    assert run.ended == "COMPLETED", run.message
    assert images(world) == before
    assert not identities(world) & ids
    assert world.server.path(world.saved_parameters).read_text() == saved
    assert "new token: yearly" in run.report
    assert token != world.pbx.token
    assert world.pbx.token not in run.report
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(RECREATED)
def test_a_script_that_is_killed_half_way_is_recovered(world: World, cluster: Any) -> None:
    """The containers are gone when it dies: the run is red, and brings the service back with every row."""
    from flows.recreate import recreate_data_flow

    begin(world)
    ids, before = identities(world), images(world)
    vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=14, FAIL_HOW="kill")
    with meanwhile(lambda: once_at(world, 14)):
        run = carry_out(recreate_data_flow, cluster)
    assert run.ended == "FAILED"
    assert "the script was ended by signal 9" in run.message, run.message
    assert "## The way back" in run.report
    assert "verify-row-counts again" in run.tasks
    assert running(world) == both(world, True), run.report
    assert images(world) == before
    assert not identities(world) & ids
    assert lock_of(world) == {}, run.report
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(RECREATED)
def test_the_ssh_servers_are_restarted_while_the_script_runs(world: World, cluster: Any) -> None:
    """The script goes on without us, is found again and never started anew; no line of it is missing or told twice."""
    begin(world)
    hold(world, 14)

    def restart() -> None:
        wait_for_step(world, 14)
        world.restart_ssh(world.control)
        world.restart_ssh(world.server)
        vendor.let_go_on(world.control)

    with meanwhile(restart):
        run = FlowRun(cluster, entrypoint="flows.recreate.recreate_data_flow").carry_out()
    assert run.ended == "COMPLETED", run.message
    assert starts(world) == 2  # one `rm`, one `run`
    assert "Lost sight of pbx01, where the script goes on by itself" in run.logs
    assert run.logs.count("| [info]: init database") == 1
    assert running(world) == both(world, True)
    assert lock_of(world) == {}
    nothing_is_lost(world)
