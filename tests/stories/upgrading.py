"""Upgrade: from ClickHouse 24.8 to 25.8 while calls come in, and what an upgrade does when something goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.story_support import before_step
from tests.flows.support import STATE, lock_of, wait_until
from tests.sandbox.world import World
from tests.stories.serving import SERVING
from tests.stories.words import (
    RESTORE_POINTS,
    begin,
    both,
    carry_out,
    history,
    identities,
    nothing_is_lost,
    running,
)
from tests.stories.worlds import Wanted, in_world

TAKING_CALLS = {"installed": "24.8", "live_calls": True}


@pytest.mark.matrix  # `make test` upgrades with live calls in the browser (tests/ui)
@in_world(Wanted(**TAKING_CALLS), Wanted(variant="22.3", **TAKING_CALLS))
def test_an_upgrade_keeps_every_acknowledged_call(world: World, cluster: Any) -> None:
    """24.8 becomes 25.8, each table is proved, the restore point is kept; done again, nothing is to do."""
    from flows.upgrade import upgrade_data_flow

    before = history(world)
    world.wait_for_calls(8)
    run = carry_out(upgrade_data_flow, cluster, requested_by="Ada", ticket="CHG-7")
    assert run.ended == "COMPLETED", run.message
    world.wait_for_calls(8)
    assert world.missing_records() == {}
    assert history(world) == before
    assert world.ask("SELECT version()").startswith("25.8")
    assert "Nothing was lost" in run.message
    assert "ClickHouse did not answer for" in run.report
    for said in ("24.8", "25.8", "| default.cdr |", "CHG-7", "portsip/clickhouse@sha256:"):
        assert said in run.report, said
    assert lock_of(world) == {}
    assert list(world.server.path(RESTORE_POINTS).iterdir())
    folders = list(world.control.path(f"{STATE}/changes").iterdir())
    assert {"state.json", "evidence.gz.b64", "reference.gz.b64", "early.gz.b64", "after.gz.b64"} <= {
        file.name for file in folders[0].iterdir()
    }

    again = carry_out(upgrade_data_flow, cluster)
    assert again.ended == "COMPLETED", again.message
    assert "nothing to change" in again.message


@in_world(SERVING)
def test_an_upgrade_whose_pull_fails_stops_nothing(world: World, cluster: Any) -> None:
    """No registry answers: the same containers go on taking calls, and nobody holds the cluster."""
    from flows.upgrade import upgrade_data_flow

    begin(world)
    before = identities(world)
    world.refuse_pulls()
    try:
        run = carry_out(upgrade_data_flow, cluster)
    finally:
        world.refuse_pulls(False)
    assert run.ended == "FAILED", run.message
    assert run.tasks["pull-image"].startswith("Failed")
    assert "tried pulling portsip/" in run.message, run.message
    assert "stop-writer" not in run.tasks
    assert identities(world) == before
    assert running(world) == both(world, True)
    assert lock_of(world) == {}
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(Wanted(**TAKING_CALLS))
def test_a_data_folder_that_is_empty_at_the_start_is_noticed(world: World, cluster: Any) -> None:
    """The data disk is not there when ClickHouse starts: the run says so, stops the service, and names the way back."""
    from flows.upgrade import upgrade_data_flow

    with before_step(world, 13, world.empty_data_folder):
        run = carry_out(upgrade_data_flow, cluster)
    assert run.ended == "FAILED"
    assert "WRONG_DATA_DIR" in run.message, run.message
    wait_until(lambda: not any(running(world).values()), "nothing works on the wrong folder")
    assert lock_of(world)["phase"] == "unfinished"
    way = run.report.partition("## The way back")[2].partition("\n## ")[0]
    assert any(word in way for word in ("rollback-data-flow", "dataflow.sh run", "docker start")), run.report
    assert list(world.server.path(RESTORE_POINTS).glob("*/point.json"))
