"""Rolling back on real engines: after an upgrade, what was there before is there again, and nothing was deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flows.support import lock_of
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.world import World
from tests.stories.words import RESTORE_POINTS, both, carry_out, history, images, running
from tests.stories.worlds import Wanted, in_world


def damaged(world: World) -> Callable[[], None]:
    """Take the largest table out of the restore point; what is returned puts it in again."""
    point = next(world.server.path(RESTORE_POINTS).glob("*/point.json")).parent
    table = max(point.glob("0/store/*/*"), key=lambda place: len(list(place.glob("*/count.txt"))))
    hidden = table.rename(point / table.name)

    def mend() -> None:
        hidden.rename(table)

    return mend


def data_kept_aside(world: World) -> list[Path]:
    """The data that a rollback put aside, once for each time that it put the point back."""
    return list(world.server.path("/var/lib/portsip/clickhouse").glob("data.failed-*"))


def upgraded(cluster: Any) -> None:
    """Let the upgrade go well."""
    from flows.upgrade import upgrade_data_flow

    run = carry_out(upgrade_data_flow, cluster)
    assert run.ended == "COMPLETED", run.message


@pytest.mark.matrix
@in_world(Wanted(installed="24.8", live_calls=True))
def test_an_upgrade_is_rolled_back_with_proof(world: World, cluster: Any) -> None:
    """25.8 changed everything since; 24.8 finds every row of the point, the writer goes on, the new data is kept."""
    from flows.rollback import rollback_data_flow

    before, first = history(world), images(world)
    upgraded(cluster)
    world.wait_for_calls(8)
    world.ask("OPTIMIZE TABLE cdr FINAL")
    world.ask("ALTER TABLE cdr DELETE WHERE NOT startsWith(call_id, 'live-') SETTINGS mutations_sync = 2")
    assert history(world)[0] == "0"

    refused = carry_out(rollback_data_flow, cluster, confirm="another")
    assert "rollback.not-confirmed" in refused.message
    assert "rollback.pbx-version" in refused.message
    world.pbx.version = OLD_PBX
    dry = carry_out(rollback_data_flow, cluster, dry_run=True)
    assert dry.ended == "COMPLETED", dry.message
    assert "since, which are not in the restore point" in dry.report
    assert world.ask("SELECT version()").startswith("25.8")

    run = carry_out(rollback_data_flow, cluster, confirm=cluster.name, requested_by="Ada", ticket="CHG-8")
    assert run.ended == "COMPLETED", run.message
    assert world.ask("SELECT version()").startswith("24.8")
    assert history(world) == before
    assert images(world) == first  # the script pruned; the pins held them
    assert running(world) == both(world, True)
    assert "Nothing was lost" in run.tasks["check-data"]
    assert "Ada" in run.report
    assert lock_of(world) == {}
    assert len(data_kept_aside(world)) == 1
    assert len(list(world.server.path(RESTORE_POINTS).glob("*/point.json"))) == 1
    world.wait_for_calls(5)


@pytest.mark.matrix
@in_world(Wanted(installed="24.8", live_calls=True))
def test_a_rollback_to_a_damaged_point_goes_on_once_that_is_mended(world: World, cluster: Any) -> None:
    """What is put back is not what was recorded: the service stays stopped; once mended, the same order goes on."""
    from flows.rollback import rollback_data_flow

    before, first = history(world), images(world)
    upgraded(cluster)
    world.pbx.version = OLD_PBX
    mend = damaged(world)
    failed = carry_out(rollback_data_flow, cluster, confirm=cluster.name)
    assert failed.ended == "FAILED"
    assert "comparing the data that was put back" in failed.message
    assert "The way back" in failed.report
    assert lock_of(world)["phase"] == "unfinished"
    assert not any(running(world).values())

    mend()
    run = carry_out(rollback_data_flow, cluster, confirm=cluster.name)
    assert run.ended == "COMPLETED", run.message
    assert world.ask("SELECT version()").startswith("24.8")
    assert (history(world), images(world)) == (before, first)
    assert running(world) == both(world, True)
    assert lock_of(world) == {}
    assert len(data_kept_aside(world)) == 2
    world.wait_for_calls(5)
