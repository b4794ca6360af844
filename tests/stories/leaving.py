"""Removing the service never touches a file of its data, and an install on the same data finds every row."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.flows.story_support import refused_by
from tests.flows.support import STATE, lock_of
from tests.sandbox.world import World
from tests.stories.words import DATA, both, carry_out, files, history, identities, nothing_is_lost, running
from tests.stories.worlds import Wanted, in_world

THERE = Wanted(installed="25.8", live_calls=True)


def remove(cluster: Any, **parameters: Any) -> Run:
    """Run `remove-data-flow` (not as a dry run)."""
    from flows.remove import remove_data_flow

    return carry_out(remove_data_flow, cluster, **parameters)


@pytest.mark.matrix
@in_world(THERE)
def test_removing_wants_the_name_leaves_every_file_and_an_install_finds_every_row(world: World, cluster: Any) -> None:
    """The wrong name changes nothing; the right one removes two containers; installed again, the data are there."""
    from flows.install import install_data_flow

    before, ids = history(world), {identity[:12] for identity in identities(world)}
    shown = remove(cluster, dry_run=True)
    assert shown.ended == "COMPLETED", shown.message
    assert "delete the Data Flow service installation" in shown.report
    assert "dataflow.sh rm" in shown.report

    wrong = remove(cluster, confirm="production", lowered=["remove.not-confirmed"])
    refused_by(wrong, "remove.not-confirmed", f"the name '{cluster.name}' has to be typed; it was 'production'")
    assert running(world) == both(world, True)
    assert not world.control.path(f"{STATE}/change.lock").exists()

    entries, token = len(world.pbx.rules), world.pbx.token
    run = remove(cluster, confirm=cluster.name, requested_by="anna")
    assert run.ended == "COMPLETED", run.message
    assert world.containers() == []
    told = run.tasks["verify-removed"]
    for said in (DATA, "/var/lib/portsip/dataflow", "kept, to the last file", *ids, "IP list and the Data Flow token"):
        assert said in told
    store = world.server.path(f"{DATA}/uuid").read_text().strip()
    assert f"{len(files(world)):,} files" in told
    assert f"store {store}" in told
    assert (len(world.pbx.rules), world.pbx.token) == (entries, token)
    assert lock_of(world) == {}
    again = remove(cluster, confirm=cluster.name)
    assert "nothing to change" in again.message

    installed = carry_out(install_data_flow, cluster)
    assert installed.ended == "COMPLETED", installed.message
    assert running(world) == both(world, True)
    assert "default.cdr" in installed.report
    assert world.server.path(f"{DATA}/uuid").read_text().strip() == store
    assert history(world) == before
    assert world.pbx.token == token
    nothing_is_lost(world)
