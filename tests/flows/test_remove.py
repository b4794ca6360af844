"""A removal that takes a file of the data with it; how it goes otherwise, the stories tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.story_support import ended_clearly, result_of
from tests.flows.support import lock_of
from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.stories.leaving import remove
from tests.stories.words import DATA


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster whose service runs."""
    with World(history_rows=2_000, installed="25.8") as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.mark.matrix
def test_a_file_that_the_script_takes_away_is_noticed(world: World, cluster: Any) -> None:
    """The run fails and says what changed; the lock stays, so that nobody installs over it unawares."""
    script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
    place = world.server.path(f"{DATA}/uuid")
    removing = "rm) recall && on_server 21"
    script.write_text(script.read_text().replace(removing, f"{removing} && rm {place}"))
    run = remove(cluster, confirm=cluster.name)
    ended_clearly(run, f"{DATA} changed (", "uuid")
    assert result_of(run, "remove") == "changed"
    assert lock_of(world)["phase"] == "unfinished"
