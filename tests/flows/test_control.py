"""A stop at night that does not end well; how it goes otherwise, the stories tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.story_support import DATABASE, ended_clearly
from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.stories.serving import control, noted
from tests.stories.words import both, running


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster whose service runs."""
    with World(history_rows=20_000, installed="25.8") as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.mark.matrix
def test_a_clickhouse_that_is_killed_at_the_stop_is_told_loudly(world: World, cluster: Any) -> None:
    """The run fails though the service is stopped as wanted; the lock is free, and a second stop changes nothing."""
    script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
    script.write_text(script.read_text().replace("-t 300", "-t 1"))
    world.engine.faults.deaf.add(DATABASE)
    run = control(cluster, "stop")
    world.engine.faults.deaf.clear()
    ended_clearly(run, f"{DATABASE} ended with exit code 137 (killed", "Start it again with control-data-flow")
    assert running(world) == both(world, False)
    assert "given back" in run.report
    first = noted(world)
    assert first["containers"]

    again = control(cluster, "stop")
    assert again.ended == "COMPLETED", again.message
    assert "nothing to change" in again.message
    assert "exit code 137 (killed" in again.tasks["verify-stopped"]
    assert noted(world) == first
