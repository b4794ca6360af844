"""Removing the service: never without the cluster's name, and never a file of the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.conftest import Run, read_run
from tests.flows.story_support import block_of, ended_clearly, refused_by, result_of
from tests.flows.support import STATE, lock_of
from tests.sandbox import vendor
from tests.sandbox.world import World

DATA = "/var/lib/portsip/clickhouse/data"


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster whose service runs."""
    with World(history_rows=20_000, installed="25.8") as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.fixture
def block(world: World, prefect_server: str) -> Any:
    """The block that points at it."""
    return block_of(world)


def remove(block: Any, **parameters: Any) -> Run:
    """Run `remove-data-flow` (not as a dry run)."""
    from flows.remove import remove_data_flow

    return read_run(remove_data_flow(block, **{"dry_run": False, **parameters}, return_state=True))


def files(world: World) -> dict[str, tuple[int, int]]:
    """Every file of ClickHouse's data: its inode and size."""
    place = world.server.path(DATA)
    return {str(f.relative_to(place)): (f.stat().st_ino, f.stat().st_size) for f in place.rglob("*") if f.is_file()}


def test_it_is_refused_unconfirmed_and_leaves_every_file_when_confirmed(world: World, block: Any) -> None:
    """The dry run shows the guide's warning; the wrong name changes nothing; the right one removes two containers."""
    ids = {container.id[:12] for container in world.engine.containers}
    shown = remove(block, dry_run=True)
    assert shown.ended == "COMPLETED", shown.message
    assert "delete the Data Flow service installation" in shown.report
    assert "dataflow.sh rm" in shown.report

    wrong = remove(block, confirm="production", lowered=["remove.not-confirmed"])
    refused_by(wrong, "remove.not-confirmed", "the name 'sandbox' has to be typed; it was 'production'")
    assert [container.running for container in world.engine.containers] == [True, True]
    assert not world.control.path(f"{STATE}/change.lock").exists()

    entries, token = len(world.pbx.rules), world.pbx.token
    run = remove(block, confirm="sandbox", requested_by="anna")
    assert run.ended == "COMPLETED", run.message
    assert world.engine.containers == []
    told = run.tasks["verify-removed"]
    for said in (DATA, "/var/lib/portsip/dataflow", "kept, to the last file", *ids, "IP list and the Data Flow token"):
        assert said in told
    store = world.server.path(f"{DATA}/uuid").read_text().strip()
    assert f"{len(files(world)):,} files" in told
    assert f"store {store}" in told
    assert (len(world.pbx.rules), world.pbx.token) == (entries, token)
    assert lock_of(world) == {}

    again = remove(block, confirm="sandbox")
    assert "nothing to change" in again.message


def test_a_file_that_the_script_takes_away_is_noticed(world: World, block: Any) -> None:
    """The run fails and says what changed; the lock stays, so that nobody installs over it unawares."""
    script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
    place = world.server.path(f"{DATA}/uuid")
    removing = "rm) recall && on_server 21"
    script.write_text(script.read_text().replace(removing, f"{removing} && rm {place}"))
    run = remove(block, confirm="sandbox")
    ended_clearly(run, f"{DATA} changed (", "uuid")
    assert result_of(run, "remove") == "changed"
    assert lock_of(world)["phase"] == "unfinished"
