"""Check the health of a Data Flow service: only reads, within seconds, meant to run every few minutes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Annotated

from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.cluster import DataFlowCluster
from flows.core.change import Order, Told
from flows.core.findings import Finding
from flows.core.health.check import WORDS, Check, Word, judged
from flows.core.health.every import Line, of_block, said, word_of
from flows.core.health.memory import rows
from flows.core.health.report import markdown
from flows.core.health.rules import RULES_HEALTH
from flows.core.snapshot import Snapshot
from flows.forms import Cluster, lowerable
from flows.recorded import artifact_key, redact_values
from flows.tasks.gather import Saved, load_cluster, saved_clusters
from flows.tasks.health import look_health
from flows.tasks.health_memory import recall, tell
from flows.tasks.look import in_thread
from flows.tasks.preflight import log_findings, wish_of

Lowered = Annotated[list[str], lowerable(*RULES_HEALTH)]
AT_ONCE = 10
"""Clusters that one run looks at, at the same time."""


@flow(name="check-data-flow-health", flow_run_name="check {cluster.name}")
def check_data_flow_health(
    cluster: Cluster,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
) -> State[str]:
    """Look at the service and everything it needs, and say ok, warning or critical; nothing is changed anywhere.

    Looks at both containers, ClickHouse, disk and trend, parts, clocks, the PBX's certificate, list, token and HA
    cluster, versions, restore points, changes left open, and whether the PBX is still as it was when the containers
    were made. Fails when something is critical; with warnings it completes under the name Warning. (Guide: Managing the
    Data Flow Server, Operational Notes.)

    Args:
        cluster: The saved cluster to check.
        lowered: Ids of findings that shall only warn, e.g. health.certificate-ended; the report names each of them.
    """
    check = _check(cluster, lowered)
    return _state(check.word, check.message)


@flow(name="check-all-data-flow-health", flow_run_name="check all clusters")
def check_all_data_flow_health(
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
) -> State[str]:
    """Check every saved cluster, as check-data-flow-health checks one, in a single run; nothing is changed anywhere.

    A run for each cluster starts a process for each, and most of what a check takes is that start: this one starts
    once, and looks at several clusters at the same time. Each cluster keeps its report, its history and its events.
    Fails when one of them is critical, and completes under the name Warning when one only warns.

    Args:
        lowered: Ids of findings that shall only warn, e.g. health.certificate-ended; the reports name each of them.
    """
    with get_client(sync_client=True) as client:
        clusters = saved_clusters(client)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        checks = [in_thread(pool, partial(_line, each, lowered)) for each in clusters]
        lines = [check.result() for check in checks]
    create_table_artifact([line.as_row() for line in lines], key="health-all", description=said(lines))
    return _state(word_of(lines), said(lines))


def _line(saved: Saved, lowered: Sequence[str]) -> Line:
    cluster = load_cluster(saved)
    if isinstance(cluster, str):
        return of_block(saved.name, cluster)
    check = _check(cluster, lowered, f"{saved.name}: ")
    return Line(saved.name, check.word, check.message)


def _check(cluster: DataFlowCluster, lowered: Sequence[str], whose: str = "") -> Check:
    """Look at one cluster, judge it, keep report and findings, and tell what is new."""
    key = artifact_key("health-findings", cluster)
    before = recall(key)
    told: Told[Snapshot] = look_health(cluster, before.points if before else (), return_state=True).result()
    snapshot = told.value
    wish = wish_of(
        cluster, snapshot.taken_at, Order("health", cluster.name, True, (), "", ""), str(runtime.flow_run.id)
    )
    check = judged(snapshot, wish, lowered, before)
    check = replace(check, findings=tuple(_redacted(finding, cluster) for finding in check.findings))
    log_findings(check.findings, whose)
    report = redact_values(markdown(check, snapshot, wish), cluster)
    create_markdown_artifact(report, key=artifact_key("health", cluster), description=f"{cluster.name}: {check.word}")
    create_table_artifact(rows(check, WORDS), key=key, description=f"findings of {cluster.name}: {check.word}")
    tell(cluster, check)
    return check


def _redacted(finding: Finding, cluster: DataFlowCluster) -> Finding:
    return replace(finding, message=redact_values(finding.message, cluster))


def _state(word: Word, message: str) -> State[str]:
    if word is Word.CRITICAL:
        return Failed(message=message)
    return Completed(name="Warning" if word is Word.WARNING else None, message=message, data=None)
