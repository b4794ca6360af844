"""The folder of a change on the control node, over a real connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState
from flows.errors import DataFlowError
from flows.tasks.change_lock import acquire_lock
from flows.tasks.change_state import fetch, keep, list_states, read_state, write_state
from tests.flows.story_support import block_of
from tests.flows.support import STATE
from tests.sandbox.world import World

# The lock's task is called here without a flow around it.
pytestmark = pytest.mark.filterwarnings("ignore:Logger 'prefect.task_runs' attempted:UserWarning")

LOCK = ChangeLock("run-a", "upgrade box", "2026-01-02", "", "upgrade", "t", "preparing")
CHANGE = ChangeState("run-a", "upgrade", "sandbox", "t")


def test_a_folder_keeps_state_and_megabytes_for_the_account_alone(world: World, prefect_server: str) -> None:
    """What is kept comes back to the letter; nobody else may read the folder; a name cannot lead out of it."""
    block = block_of(world)
    acquire_lock(block, LOCK)
    text = "".join(f"{number:x} été\n" for number in range(120_000))
    with block.control.get_client() as ssh:
        assert (list_states(ssh), read_state(ssh, "run-a"), fetch(ssh, "run-a", "reference")) == ((), None, None)
        keep(ssh, "run-a", "reference", text)
        for number in (2, 1):
            write_state(ssh, replace(CHANGE, id=f"run-{number}", started=f"2026-01-0{number}"))
        assert fetch(ssh, "run-a", "reference") == text
        assert [state.id for state in list_states(ssh)] == ["run-1", "run-2"]
        for change, name in (("../..", "x"), ("run-a", "../x"), ("", "x"), ("run-a", "a b")):
            with pytest.raises(DataFlowError, match="is no name for it"):
                keep(ssh, change, name, "x")
        folder = world.control.path(f"{STATE}/changes/run-1")
        assert {folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777} == {0o700}
        assert (folder / "state.json").stat().st_mode & 0o777 == 0o600
        world.control.path(f"{STATE}/changes/run-a/reference.gz.b64").write_text("H4sIAAAA")
        with pytest.raises(DataFlowError, match=r"reading .*/run-a/reference"):
            fetch(ssh, "run-a", "reference")
        (folder / "state.json").write_text('{"later": 1}')
        with pytest.raises(DataFlowError, match="newer version of these flows wrote it"):
            list_states(ssh)
