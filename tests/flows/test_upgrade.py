"""What an upgrade shows before it does anything, and how one goes on whose run gave up waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client

from flows.core.audit.chain import digest
from flows.tasks.change_state import fetch
from tests.flows.audit_support import logged
from tests.flows.conftest import Run
from tests.flows.support import STATE, FlowRun, hold, lock_of, meanwhile, quick_block
from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.stories.words import carry_out


@pytest.fixture
def variant() -> str:
    """The vendor's script, where a test does not want another one."""
    return "22.8"


@pytest.fixture
def world(variant: str) -> Iterator[World]:
    """A cluster whose service was installed long ago with ClickHouse 24.8, and takes calls all the time."""
    with World(installed="24.8", variant=variant, history_rows=20_000, live_calls=True, live_rate=5) as world:
        yield world


def name_of(run: Run) -> str:
    """What the UI calls it."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(run.id)).name


@pytest.mark.parametrize("variant", ["22.8", "22.3"])
def test_a_dry_run_changes_nothing(world: World, cluster: Any) -> None:
    """Only the plan is shown, with the script's call as it would be typed."""
    from flows.upgrade import upgrade_data_flow

    before = {c.id for c in world.engine.containers}
    run = carry_out(upgrade_data_flow, cluster, dry_run=True)
    assert run.ended == "COMPLETED", run.message
    assert ("upgrade -i portsip/pbx:22" if world.variant == "22.8" else "dataflow.sh rm; then") in run.report
    assert name_of(run) == "upgrade sandbox 24.8 → 25.8 (dry run)"
    assert {c.id for c in world.engine.containers} == before
    assert not world.control.path(STATE).exists()


@pytest.mark.matrix
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
    waited, done = logged(world)
    assert waited.script and (waited.script.exit_code, waited.script.sha256) == (None, "")
    assert done.script and (done.script.exit_code, len(done.script.sha256)) == (0, 64)
    assert {"report.md", "reference.json", "after.json"} <= done.digests.keys()
    with block.control.get_client() as ssh:
        for name in done.digests.keys() - {"report.md"}:
            assert done.digests[name] == digest(fetch(ssh, done.change, name.removesuffix(".json")) or "")
    assert done.verdict and done.rows and done.downtime is not None and done.before != done.after
    assert lock_of(world) == {}
    world.wait_for_calls(3)
    assert world.missing_records() == {}
