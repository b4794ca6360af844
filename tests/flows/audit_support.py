"""What runs left for an audit: the lines of the log, the records beside the runs, and whether they belong together."""

from __future__ import annotations

from typing import Any

from flows.core.audit.chain import Head, entries
from flows.core.audit.kept import kept
from flows.core.audit.record import ChangeRecord, from_values
from flows.core.audit.verify import verify
from tests.flows.support import STATE
from tests.sandbox.world import World

LOG = f"{STATE}/audit.log"


def log_text(world: World) -> str:
    """The log as it lies on the control node, "" where there is none."""
    place = world.control.path(LOG)
    return place.read_text() if place.exists() else ""


def logged(world: World) -> list[ChangeRecord]:
    """Every record of the log, whose chain is whole."""
    text = log_text(world)
    proof = verify(text)
    assert (proof.faults, proof.notes) == ((), ())
    return [from_values(values) for _, values in entries(text)]


def told(world: World) -> list[tuple[str, str]]:
    """Kind and outcome of every record of the log."""
    return [(record.kind, record.outcome) for record in logged(world)]


def beside(run_id: str) -> list[tuple[ChangeRecord, Head | None]]:
    """The records that a run keeps beside it, with the heads that they made; the oldest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    only = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["table"]}})
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=only)
    artifacts = sorted(found, key=lambda artifact: str(artifact.created))
    return [kept(each.data, "beside a run") for each in artifacts if (each.key or "").startswith("record-")]


def waits(run_id: str) -> bool:
    """Whether the run is tagged because its record has still to be written to the log."""
    from uuid import UUID

    from prefect.client.orchestration import get_client

    from flows.tasks.record import WAITING

    with get_client(sync_client=True) as client:
        return WAITING in client.read_flow_run(UUID(run_id)).tags


def agree(world: World, *run_ids: str) -> None:
    """Log and artifacts hold the same records of these runs, and every head fits its line."""
    lines: dict[Any, ChangeRecord] = {
        Head(link.number, link.hash, "beside a run"): from_values(values) for link, values in entries(log_text(world))
    }
    for run_id in run_ids:
        found = beside(run_id)
        assert found, run_id
        for record, head in found:
            assert lines[head] == record
