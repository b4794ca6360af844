"""A rehearsal that is cancelled, and one whose server changes, while the new ClickHouse is at work."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.flows.support import FlowRun, lock_of, wait_until
from tests.sandbox.saved_blocks import save
from tests.sandbox.world import World
from tests.stories.rehearsing import BUSY, containers_of, nothing_is_left, remembered

pytestmark = pytest.mark.matrix


@contextmanager
def at_work(world: World, server: str) -> Iterator[tuple[FlowRun, subprocess.Popen[bytes]]]:
    """A rehearsal whose container is there; it ends with the block, leaves nothing, and does not count as one."""
    block = save(world, "sandbox")
    run = FlowRun(block, entrypoint="flows.rehearse.rehearse_upgrade_data_flow", lowered=[BUSY])
    with run.process(server) as process:
        wait_until(lambda: "rehearsal" in containers_of(block), "the container of the copy")
        yield run, process
        process.wait(240)
    nothing_is_left(world, block)
    assert lock_of(world) == {}
    assert remembered(world) == []


def test_a_cancelled_rehearsal_leaves_nothing(prefect_server: str) -> None:
    """No container, copy, link or lock; the report says that it was cancelled, and nothing counts as rehearsed."""
    with World(installed="24.8", history_rows=2_000) as world:
        with at_work(world, prefect_server) as (run, process):
            process.terminate()
        assert "cancelled" in run.read().report.splitlines()[0]


def test_a_table_that_loses_its_rows_meanwhile_is_told(prefect_server: str) -> None:
    """Whoever did it, and however well the copy opens: nothing is called unharmed that was not looked at again."""
    with World(installed="24.8", history_rows=2_000) as world:
        with at_work(world, prefect_server) as (run, process):
            process.send_signal(signal.SIGSTOP)
            world.ask("TRUNCATE TABLE agents")
            process.send_signal(signal.SIGCONT)
        ended = run.read()
        assert ended.ended == "FAILED", ended.message
        assert "reading the live tables once more" in ended.message
        assert "default.agents" in ended.message
