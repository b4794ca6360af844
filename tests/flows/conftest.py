"""A cluster in a box for each test, its block, and a run of a flow as a test reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sandbox import vendor
from tests.sandbox.world import World


@dataclass
class Run:
    """How a flow run ended: its state, its report, what each task said, and every log line."""

    state: Any
    report: str
    tasks: dict[str, str] = field(default_factory=dict)
    logs: str = ""
    id: str = ""

    @property
    def ended(self) -> str:
        """`COMPLETED`, `FAILED`, …"""
        return str(self.state.type.value)

    @property
    def message(self) -> str:
        """What the state says."""
        return str(self.state.message)


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh cluster in a box; the PBX hands over few calls, so that it is quick."""
    with World(history_rows=20_000) as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often for what becomes true by itself; how long it may take stays as it is."""
    monkeypatch.setattr("flows.tasks.settle.SETTLE_POLL", 0.2)
    monkeypatch.setattr("flows.tasks.verify.REGISTRATION_POLL", 0.2)


@pytest.fixture
def cluster(world: World, prefect_server: str) -> Any:
    """The block that points at it, as a run has it."""
    from tests.flows.story_support import block_of

    return block_of(world)


@pytest.fixture
def install(cluster: Any) -> Callable[..., Run]:
    """Run `install-data-flow` on it (not as a dry run) and read back everything the run left in Prefect."""
    from flows.install import install_data_flow

    def run(block: Any = None, **parameters: Any) -> Run:
        state = install_data_flow(
            block or cluster, **{"dry_run": False, "requested_by": "a test", **parameters}, return_state=True
        )
        return read_run(state)

    return run


def read_run(state: Any) -> Run:
    """Everything that Prefect has of the run with this final state."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter, LogFilter
    from prefect.client.schemas.sorting import ArtifactSort
    from prefect.logging.handlers import APILogHandler

    asyncio.run(_flushed(APILogHandler))
    run_id = str(state.state_details.flow_run_id)
    with get_client(sync_client=True) as client:
        only = FlowRunFilter.model_validate({"id": {"any_": [run_id]}})
        artifacts = client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate({"flow_run_id": {"any_": [run_id]}}),
            sort=ArtifactSort.CREATED_DESC,
        )
        reports = [str(a.data) for a in artifacts if (a.key or "").startswith("report-")]
        task_runs = _settled(lambda: client.read_task_runs(flow_run_filter=only, limit=200))
        logs = client.read_logs(LogFilter.model_validate({"flow_run_id": {"any_": [run_id]}}), limit=200)
    return Run(
        state,
        reports[0] if reports else "",
        {
            t.name: f"{t.state.name}: {t.state.message}"
            for t in sorted(task_runs, key=lambda t: str(t.start_time))
            if t.state
        },
        "\n".join(log.message for log in logs),
        run_id,
    )


def _settled(read: Callable[[], list[Any]]) -> list[Any]:
    """Task runs as they end up: their states travel as events, behind the run's own; a killed one stays as it is."""
    from prefect.events.worker import EventsWorker

    EventsWorker.instance().wait_until_empty()
    deadline, before = time.monotonic() + 10, None
    while True:
        found = read()
        now = {(task.id, task.state and task.state.type) for task in found}
        ended = all(task.state and task.state.is_final() for task in found)
        if (now == before and ended) or time.monotonic() > deadline:
            return found
        before = now
        time.sleep(0.1)


async def _flushed(handler: Any) -> None:
    await handler.aflush()
