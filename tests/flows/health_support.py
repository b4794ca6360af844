"""A health check as a test reads it: its run, its report, its rows, the events it emitted, the files it left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.flows.conftest import Run, read_run
from tests.flows.support import STATE, wait_until
from tests.sandbox.world import World

BASELINE = f"{STATE}/baseline.json"
ALWAYS_WRITTEN = ("/var/lib/portsip/clickhouse/", "/run/")
"""Where a service that runs writes by itself."""


@dataclass
class Checked:
    """A check as it ended: its run, its report, and its rows in the history of findings."""

    run: Run
    report: str
    rows: list[dict[str, str]]

    @property
    def found(self) -> dict[str, str]:
        """Ids of the findings with their level; notes are left out."""
        return {row["id"]: row["level"] for row in self.rows[:-1] if row["level"] != "note"}


def check(cluster: Any, **parameters: Any) -> Checked:
    """Run `check-data-flow-health`, and read back what it left."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    from flows.health import check_data_flow_health

    run = read_run(check_data_flow_health(cluster, **parameters, return_state=True))
    only = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run.id]}})
    with get_client(sync_client=True) as client:
        data = {artifact.type: str(artifact.data) for artifact in client.read_artifacts(artifact_filter=only)}
        run.state = client.read_flow_run(UUID(run.id)).state
    assert set(data) == {"markdown", "table"}
    return Checked(run, data["markdown"], json.loads(data["table"]))


def history(cluster: Any) -> list[Any]:
    """Every check's rows, as anybody reads them by the artifact's key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    only = ArtifactFilter.model_validate({"key": {"any_": [f"health-findings-{cluster.name}"]}})
    with get_client(sync_client=True) as client:
        return [json.loads(str(artifact.data)) for artifact in client.read_artifacts(artifact_filter=only)]


def record(world: World, cluster: Any) -> str:
    """Make the last step of a change, in the folder that its lock made; returns what it said."""
    from prefect import flow

    from flows.tasks.baseline import record_baseline

    world.control.path(STATE).mkdir(mode=0o700, exist_ok=True)
    change = flow(lambda: record_baseline(cluster, "run-1", "http://prefect/1", "install"), name="record")
    return read_run(change(return_state=True)).tasks["baseline"]


def events(cluster: Any, wanted: int) -> list[str]:
    """The names of all events about this cluster, in order, once there are so many."""
    from prefect.client.orchestration import get_client
    from prefect.events.worker import EventsWorker

    EventsWorker.instance().wait_until_empty()
    body = {"filter": {"resource": {"id": [f"dataflow.cluster.{cluster.name}"]}}, "limit": 50}
    seen: list[str] = []

    def there() -> bool:
        with get_client(sync_client=True) as client:
            answer = client.request("POST", "/events/filter", json=body).json()
        seen[:] = [event["event"] for event in sorted(answer["events"], key=lambda event: str(event["occurred"]))]
        return len(seen) >= wanted

    wait_until(there, f"{wanted} events")
    return seen


def files(world: World) -> dict[str, tuple[int, int]]:
    """Every file of the control node and the server, with size and time of its last change."""
    return {
        f"{host.name}{place}": (file.lstat().st_size, file.lstat().st_mtime_ns)
        for host in (world.control, world.server)
        for file in host.root.rglob("*")
        if not (place := f"/{file.relative_to(host.root)}").startswith(ALWAYS_WRITTEN) and not file.is_dir()
    }
