"""Proves the end of a change: the wanted images run, and every table still holds what was recorded before."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact

from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState, Images, Phase
from flows.core.data.compare import compare
from flows.core.data.frame import rows_frame
from flows.core.data.snapshot import DataSnapshot, as_json, from_json
from flows.core.data.verdict import Severity, Verdict
from flows.core.installed import service
from flows.core.proof import Proof
from flows.errors import VerificationFailed
from flows.tasks.change_state import fetch, keep, write_state
from flows.tasks.data import read_data
from flows.tasks.data_deep import check_parts
from flows.tasks.look_docker import look_docker
from flows.tasks.policy import LOOK, told
from flows.tasks.settle import gate
from flows.tasks.verify import registration, right_images


@task(name="verify-row-counts", task_run_name="verify-row-counts", **LOOK)
def prove(
    cluster: DataFlowCluster,
    state: ChangeState,
    early: DataSnapshot | None,
    *,
    deep: bool,
    images: Images | None = None,
) -> Told[Proof]:
    """Compare the running images with these (`None`: whichever run), and every table with the reference of this change.

    `early` is what the watch saw the moment ClickHouse was back. The table of the verdict becomes an artifact.
    Raises `VerificationFailed` for a wrong image, and for any row that is missing without an explanation.
    """
    before, early = _stored(cluster, state, early)
    with cluster.server.get_client(name="server") as ssh:
        if images is not None:
            found = service(look_docker(cluster, ssh), cluster.data_path)
            right_images(ssh.where, found, _wanted(images))
        with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
            if trouble := gate(clickhouse):
                raise VerificationFailed(ssh.where, "looking at ClickHouse", trouble, "Press Retry in a minute.")
            after = read_data(clickhouse, deep=deep, like=before)
            if deep:
                after = check_parts(clickhouse, before, after)
    verdict = compare(before, after, early=early)
    state = replace(state, verdict=str(verdict.word), phase=Phase.VERIFIED if not verdict.failed else state.phase)
    with cluster.control.get_client(name="pbx01") as control:
        keep(control, state.id, "after", as_json(after))
        write_state(control, state)
    _show(cluster, verdict)
    proof = Proof(before.version, after.version, verdict)
    if verdict.failed:
        raise VerificationFailed(ssh.where, "comparing every table with what it was", verdict.summary, _LOST, proof)
    return told(Outcome("verify-row-counts", None, f"{verdict.summary}; {registration(cluster)}"), proof)


_LOST = (
    "Stop working on this data: the service is best stopped. The restore point of this change was kept; "
    "rollback-data-flow puts it back and shows what was written since."
)


def _wanted(images: Images) -> dict[str, str]:
    return {image.reference: image.id for image in (images.pbx, images.clickhouse)}


def _stored(
    cluster: DataFlowCluster, state: ChangeState, early: DataSnapshot | None
) -> tuple[DataSnapshot, DataSnapshot | None]:
    """The reference and, where this run did not see it itself, the early look of an attempt before."""
    with cluster.control.get_client(name="pbx01") as control:
        reference = fetch(control, state.id, "reference")
        seen = None if early else fetch(control, state.id, "early")
    if reference is None:
        hint = "Without it nothing can be proved. Its folder is on pbx01, below /var/lib/dataflow-flows/changes."
        raise VerificationFailed("pbx01", f"reading the reference of change {state.id}", "there is none", hint)
    return from_json(reference), from_json(seen) if seen else early


def _show(cluster: DataFlowCluster, verdict: Verdict) -> None:
    log = get_run_logger()
    say = {Severity.FAILURE: log.error, Severity.WARNING: log.warning}.get(verdict.severity, log.info)
    say("Verdict: %s", verdict.summary)
    key = "rows-" + (re.sub(r"[^a-z0-9]+", "-", cluster.name.lower()).strip("-") or "cluster")
    records = json.loads(rows_frame(verdict).to_json(orient="records"))
    create_table_artifact(records, key=key, description=f"{cluster.name}: rows before and after. {verdict.summary}")
