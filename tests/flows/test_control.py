"""Start, stop and restart of a service that the vendor's script installed, as an operator does it at night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from tests.flows.conftest import Run, read_run
from tests.flows.story_support import DATABASE, WRITER, block_of, ended_clearly, result_of
from tests.flows.support import STATE, lock_of
from tests.sandbox import vendor
from tests.sandbox.world import World

Verb = Literal["start", "stop", "restart"]


@pytest.fixture(scope="module")
def serving() -> Iterator[World]:
    """A cluster whose service runs; only the last story leaves it stopped."""
    with World(history_rows=20_000, installed="25.8") as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.fixture(scope="module")
def block(serving: World, prefect_server: str) -> Any:
    """The block that points at it."""
    return block_of(serving).model_copy(update={"settle_pause": 0.2})


def control(block: Any, verb: Verb, **parameters: Any) -> Run:
    """Run `control-data-flow` (not as a dry run)."""
    from flows.control import control_data_flow

    return read_run(control_data_flow(block, verb, **{"dry_run": False, **parameters}, return_state=True))


def running(world: World) -> dict[str, bool]:
    """The service's containers and whether they run."""
    return {container.name: container.running for container in world.engine.containers}


def noted(world: World) -> dict[str, Any]:
    """What the control node knows of a stop on purpose; empty when there is none."""
    place = world.control.path(f"{STATE}/stopped.json")
    found: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    return found


def test_a_stop_is_noted_and_the_next_start_proves_every_row(serving: World, block: Any) -> None:
    """The stop says who and why; the start compares each table with what the stop recorded."""
    ids = {container.id for container in serving.engine.containers}
    stop = control(block, "stop", requested_by="anna", ticket="CHG-7")
    assert stop.ended == "COMPLETED", stop.message
    assert running(serving) == {DATABASE: False, WRITER: False}
    assert f"{DATABASE} ended with exit code 0" in stop.tasks["verify-stopped"]
    assert [result_of(stop, step) for step in ("record-rows", "stop", "unlock")] == ["looked", "changed", "looked"]
    assert (noted(serving)["ticket"], lock_of(serving)) == ("CHG-7", {})
    assert "anna" in noted(serving)["holder"]

    start = control(block, "start")
    assert start.ended == "COMPLETED", start.message
    assert running(serving) == {DATABASE: True, WRITER: True}
    assert {container.id for container in serving.engine.containers} == ids
    assert "stopped on purpose" in start.report
    assert "CHG-7" in start.report
    assert "default.cdr" in start.report
    assert "registered on the PBX with 192.168.1.26" in start.tasks["verify-row-counts"]
    assert (noted(serving), lock_of(serving)) == ({}, {})


@pytest.mark.matrix
def test_a_start_ends_a_restart_that_failed_half_way(serving: World, block: Any) -> None:
    """Its lock lets a start through, which compares every table with what the restart recorded; then one succeeds."""
    ids = {container.id for container in serving.engine.containers}
    vendor.settle(serving.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=20)
    failed = control(block, "restart")
    ended_clearly(failed, "pbx01: tried /bin/bash dataflow.sh restart", "step 20 did not work")
    assert lock_of(serving)["phase"] == "unfinished"
    assert running(serving) == {DATABASE: False, WRITER: False}
    vendor.settle(serving.control, SECONDS_PER_STEP=0)

    start = control(block, "start")
    assert start.ended == "COMPLETED", start.message
    assert "default.cdr" in start.report
    assert lock_of(serving) == {}
    state = json.loads(serving.control.path(f"{STATE}/changes/{failed.id}-1/state.json").read_text())
    assert state["phase"] == "closed"
    assert "ended by the start" in state["note"]

    run = control(block, "restart")
    assert run.ended == "COMPLETED", run.message
    assert "changed: restart" in run.message
    assert running(serving) == {DATABASE: True, WRITER: True}
    assert {container.id for container in serving.engine.containers} == ids
    assert "default.cdr" in run.report
    assert lock_of(serving) == {}


@pytest.mark.matrix
def test_a_clickhouse_that_is_killed_at_the_stop_is_told_loudly(serving: World, block: Any) -> None:
    """The run fails though the service is stopped as wanted; the lock is free, and a second stop changes nothing."""
    script = serving.control.path(f"{vendor.FOLDER}/dataflow.sh")
    script.write_text(script.read_text().replace("-t 300", "-t 1"))
    serving.engine.faults.deaf.add(DATABASE)
    run = control(block, "stop")
    serving.engine.faults.deaf.clear()
    ended_clearly(run, f"{DATABASE} ended with exit code 137 (killed", "Start it again with control-data-flow")
    assert running(serving) == {DATABASE: False, WRITER: False}
    assert "given back" in run.report
    first = noted(serving)
    assert first["containers"]

    again = control(block, "stop")
    assert again.ended == "COMPLETED", again.message
    assert "nothing to change" in again.message
    assert "exit code 137 (killed" in again.tasks["verify-stopped"]
    assert noted(serving) == first
