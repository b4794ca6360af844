"""Upgrade and recreate from end to end, on real engines, while call records come in: not one of them is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.conftest import Run, read_run
from tests.flows.support import STATE, FlowRun, hold, lock_of, meanwhile, quick_block
from tests.sandbox import vendor
from tests.sandbox.registry import OLD_PBX, pbx_image
from tests.sandbox.world import World


@pytest.fixture
def variant() -> str:
    """The vendor's script, where a test does not want another one."""
    return "22.8"


@pytest.fixture
def world(variant: str) -> Iterator[World]:
    """A cluster whose service was installed long ago with ClickHouse 24.8, and takes calls all the time."""
    with World(installed="24.8", variant=variant, history_rows=20_000, live_calls=True, live_rate=5) as world:
        yield world


def carry_out(flow: Any, cluster: Any, **parameters: Any) -> Run:
    """Run one of the flows, not as a dry run, and read back what it left."""
    return read_run(flow(cluster, **{"dry_run": False, **parameters}, return_state=True))


@pytest.mark.parametrize("variant", ["22.8", pytest.param("22.3", marks=pytest.mark.matrix)])
def test_an_upgrade_keeps_every_acknowledged_call(world: World, cluster: Any) -> None:
    """24.8 becomes 25.8, each table is proved, the restore point is kept; done again, nothing is to do."""
    from flows.upgrade import upgrade_data_flow

    world.wait_for_calls(20)
    run = carry_out(upgrade_data_flow, cluster, requested_by="Ada", ticket="CHG-7")
    assert run.ended == "COMPLETED", run.message
    world.wait_for_calls(20)
    assert world.missing_records() == {}
    assert world.ask("SELECT version()").startswith("25.8")
    assert "Nothing was lost" in run.message
    assert "ClickHouse did not answer for" in run.report
    for said in ("24.8", "25.8", "| default.cdr |", "CHG-7", "portsip/clickhouse@sha256:"):
        assert said in run.report, said
    assert lock_of(world) == {}
    assert list(world.server.path("/var/lib/portsip/.dataflow-restore").iterdir())
    folders = list(world.control.path(f"{STATE}/changes").iterdir())
    assert {"state.json", "evidence.gz.b64", "reference.gz.b64", "early.gz.b64", "after.gz.b64"} <= {
        file.name for file in folders[0].iterdir()
    }

    again = carry_out(upgrade_data_flow, cluster)
    assert again.ended == "COMPLETED", again.message
    assert "nothing to change" in again.message


def test_a_recreate_with_a_new_token_keeps_parameters_images_and_calls(world: World, cluster: Any) -> None:
    """The containers are new ones of the same images, the token is only known by its fingerprint."""
    from flows.recreate import recreate_data_flow

    moved = carry_out(recreate_data_flow, cluster)
    assert "recreate.image-moved: portsip/pbx:22 now means" in moved.message
    assert "Nothing was stopped" in moved.message
    world.registry.images["portsip/pbx:22"] = pbx_image(OLD_PBX)
    world.pbx.version = OLD_PBX

    before = {c.name: (c.id, c.image.id) for c in world.engine.containers}
    saved = world.server.path(world.saved_parameters).read_text()
    run = carry_out(recreate_data_flow, cluster, reason="new token", new_token=True, explanation="yearly", deep=True)
    assert run.ended == "COMPLETED", run.message
    after = {c.name: (c.id, c.image.id) for c in world.engine.containers if c.name in before}
    assert after.keys() == before.keys()
    for name, (identity, image) in before.items():
        assert after[name][0] != identity
        assert after[name][1] == image
    assert world.server.path(world.saved_parameters).read_text() == saved
    assert "new token: yearly" in run.report
    assert world.pbx.token not in run.report
    world.wait_for_calls(5)
    assert world.missing_records() == {}


@pytest.mark.parametrize("variant", ["22.8", "22.3"])
def test_a_dry_run_changes_nothing(world: World, cluster: Any) -> None:
    """Only the plan is shown, with the script's call as it would be typed."""
    from flows.upgrade import upgrade_data_flow

    before = {c.id for c in world.engine.containers}
    run = carry_out(upgrade_data_flow, cluster, dry_run=True)
    assert run.ended == "COMPLETED", run.message
    assert ("upgrade -i portsip/pbx:22" if world.variant == "22.8" else "dataflow.sh rm; then") in run.report
    assert {c.id for c in world.engine.containers} == before
    assert not world.control.path(STATE).exists()


def test_our_waiting_ends_in_the_middle_of_an_upgrade(
    world: World, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recovered behind the running script's back; Retry attaches, and proves against the first record."""
    block = quick_block(world, monkeypatch)
    hold(world, 9)
    first = FlowRun(block, entrypoint="flows.upgrade.upgrade_data_flow")
    run = first.carry_out(block.model_copy(update={"script_timeout": 0.5}))
    assert "ScriptStillRunning" in run.message
    assert "recover" not in run.tasks
    assert lock_of(world)["phase"] == "unfinished"
    reference = next(world.control.path(f"{STATE}/changes").glob("*/reference.gz.b64")).read_text()
    with meanwhile(lambda: vendor.let_go_on(world.control)):
        run = first.retry()
    assert run.ended == "COMPLETED", run.message
    assert "Nothing was lost" in run.message
    assert [path.read_text() for path in world.control.path(f"{STATE}/changes").glob("*/reference.gz.b64")] == [
        reference
    ]
    assert lock_of(world) == {}
    world.wait_for_calls(3)
    assert world.missing_records() == {}
