"""A flow run as Prefect's API tells it in JSON: who started it, for which cluster, and how it ended.

Read as plain values, because thousands of runs are read at once and models of each would cost most of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.core.audit.ending import Run
from flows.core.audit.record import Trigger

BLOCK = "data-flow-cluster"
"""The kind of block that a cluster is, as Prefect's addresses call it."""

ANYBODY = "UI, CLI or API"
"""What Prefect's open-source server knows of a person: nothing."""


def run_of(
    said: Mapping[str, Any],
    flow_names: Mapping[str, str],
    clusters: Mapping[str, str],
    deployments: Mapping[str, str],
    page: str = "",
) -> Run:
    """A run from one answer; flows and deployments are named by their ids, a deleted one is "".

    `clusters` are the names of clusters by id and by name of their blocks, which may differ. `page` is the address of
    the UI's pages of flow runs. Raises `KeyError` or `ValueError` for no run at all.
    """
    state, attempts = said.get("state") or {}, said.get("run_count") or 1
    return Run(
        id=said["id"],
        flow=flow_names.get(said["flow_id"], ""),
        name=said["name"],
        cluster=cluster_of(said.get("parameters") or {}, clusters),
        state=said.get("state_type") or "",
        created=_moment(said["created"]) or 0.0,
        started=_moment(said.get("start_time")),
        ended=_moment(said.get("end_time")),
        state_name=said.get("state_name") or "",
        message=state.get("message") or "",
        attempts=attempts,
        link=f"{page}/{said['id']}" if page else "",
        trigger=trigger_of(said, deployments),
    )


def trigger_of(said: Mapping[str, Any], deployments: Mapping[str, str]) -> Trigger:
    """What started it. An API user can claim to be an automation: Prefect believes the header."""
    creator = said.get("created_by") or {}
    deployment = deployments.get(said.get("deployment_id") or "", "")
    if said.get("parent_task_run_id"):
        return Trigger("another run", said["parent_task_run_id"], deployment)
    how = {"SCHEDULE": "schedule", "AUTOMATION": "automation"}.get(creator.get("type") or "", ANYBODY)
    return Trigger(how, creator.get("display_value") or creator.get("id") or "", deployment)


def cluster_of(parameters: Mapping[str, Any], clusters: Mapping[str, str]) -> str:
    """The name of the cluster, by its block's id or slug; "" for one that is gone or was never a reference."""
    cluster = parameters.get("cluster")
    if not isinstance(cluster, dict):
        return ""
    if cluster.get("block_type_slug") == BLOCK:  # who calls a flow in Python hands the whole block over
        return str(cluster.get("name") or "")
    found = cluster.get("$ref")
    reference = found if isinstance(found, dict) else {"block_document_id": found}
    name = str(reference.get("block_document_slug") or "").partition("/")[2]
    return clusters.get(name, name) if name else clusters.get(str(reference.get("block_document_id")), "")


def _moment(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
