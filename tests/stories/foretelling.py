"""What a rehearsal foretells, and the real upgrade then has: the same failure, by the same name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.story_support import refused_by
from tests.sandbox.docker_damage import cut
from tests.sandbox.world import World
from tests.stories.rehearsing import (
    ANCIENT,
    ANCIENT_TEXT,
    TAKING_CALLS,
    another,
    nothing_is_left,
    oldest_part,
    rehearse,
    remembered,
    unnoticed,
    upgrade,
)
from tests.stories.words import history, nothing_is_lost
from tests.stories.worlds import Wanted, in_world


@pytest.mark.matrix
@in_world(Wanted(**TAKING_CALLS))
def test_a_rehearsal_foretells_the_part_that_an_upgrade_sets_aside(world: World, cluster: Any) -> None:
    """24.8 has a damaged part open and says nothing; the rehearsal finds it, and the upgrade then finds the same."""
    world.wait_for_calls(3)
    place = oldest_part(world)
    part = place.name
    cut(place)
    run = rehearse(cluster)
    assert run.ended == "FAILED"
    for said in ("default.cdr UNREADABLE", part, "broken-on-start"):
        assert said in run.report, run.report
    assert remembered(world) == [False]
    nothing_is_left(world, cluster)

    refused_by(upgrade(cluster, require_rehearsal=7), "upgrade.not-rehearsed", "failed: ")
    real = upgrade(cluster, on_failure="stop")
    assert real.ended == "FAILED"
    for said in ("default.cdr UNREADABLE", part, "broken-on-start"):
        assert said in real.report, real.report


@pytest.mark.matrix
@in_world(Wanted(**TAKING_CALLS))
def test_a_rehearsal_foretells_the_database_that_an_upgrade_cannot_load(world: World, cluster: Any) -> None:
    """25.8 has its engine no more: neither the copy nor the upgrade starts, and without it the same upgrade goes on."""
    before = history(world)
    with another(world.server.path(ANCIENT), ANCIENT_TEXT):
        with unnoticed(world, cluster):
            run = rehearse(cluster)
        assert run.ended == "FAILED"
        assert "MaterializedMySQL" in run.message, run.message
        refused_by(upgrade(cluster, require_rehearsal=7), "upgrade.not-rehearsed", "failed: ")
        real = upgrade(cluster.model_copy(update={"settle_timeout": 30.0}), on_failure="stop")
        assert real.ended == "FAILED"
        assert "MaterializedMySQL" in real.message, real.message

    again = upgrade(cluster)
    assert again.ended == "COMPLETED", again.message
    assert world.ask("SELECT version()").startswith("25.8")
    assert history(world) == before
    nothing_is_lost(world)
