"""What Prefect keeps of health checks: the history of findings, and events for what has become so."""

from __future__ import annotations

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.sorting import ArtifactSort
from prefect.events import emit_event

from blocks.cluster import DataFlowCluster
from flows.core.health.check import Check, Notice
from flows.core.health.memory import Memory, remembered


def recall(key: str) -> Memory | None:
    """What the last check left under this artifact's key, by one call; None when there is none that can be read."""
    only = ArtifactFilter.model_validate({"key": {"any_": [key]}})
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=only, sort=ArtifactSort.CREATED_DESC, limit=1)
    return remembered(found[0].data) if found else None


def tell(cluster: DataFlowCluster, check: Check) -> tuple[Notice, ...]:
    """Emit an event for each thing that has become so with this check; returns what was told."""
    resource = {"prefect.resource.id": f"dataflow.cluster.{cluster.name}", "prefect.resource.name": cluster.name}
    notices = check.notices()
    for notice in notices:
        payload = {
            "cluster": cluster._block_document_name or cluster.name,
            "findings": list(notice.findings),
            "message": notice.message,
        }
        emit_event(notice.event, resource, payload=payload)
    return notices
