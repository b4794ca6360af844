"""Records on the control node what was true when a change made the containers; health compares with it later."""

from __future__ import annotations

import time

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from blocks.cluster import DataFlowCluster
from flows.core.baseline import Baseline, address, as_json, from_json
from flows.core.change import Outcome
from flows.core.installed import service
from flows.core.numbers import STATE_FOLDER
from flows.core.snapshot import DockerFacts
from flows.core.tables import SERVER
from flows.core.words import utc
from flows.errors import DataFlowError
from flows.tasks.look_docker import look_docker
from flows.tasks.look_pbx import look_pbx
from flows.tasks.policy import once_more, told

BASELINE_FILE = f"{STATE_FOLDER}/baseline.json"


@task(name="baseline", task_run_name="baseline", cache_policy=NO_CACHE, persist_result=False)
def record_baseline(cluster: DataFlowCluster, run: str, link: str, kind: str) -> Outcome:
    """Write down what is true now, where the containers are new; never fails a change that has succeeded.

    Containers that a record is there for keep it: a change that found nothing to do must not hide a drift.
    """
    try:
        said = once_more(lambda: _record(cluster, run, link, kind))
    except DataFlowError as error:
        get_run_logger().warning("What is true now could not be recorded, so drift may go unnoticed: %s", error)
        said = Outcome("baseline", None, f"not recorded: {error}")
    return told(said)


def _record(cluster: DataFlowCluster, run: str, link: str, kind: str) -> Outcome:
    with cluster.control.get_client(name="pbx01") as control:
        with cluster.server.get_client(name="server") as server:
            docker = look_docker(cluster, server)
            there = control.read(BASELINE_FILE)
            if there is not None and (held := _read(there)) and held.made(docker):
                return Outcome("baseline", None, f"the containers are still those of the {held.kind} of {held.at}")
            with cluster.clickhouse.get_client(server, cluster.data_path) as clickhouse:
                uuid = str(clickhouse.query(SERVER)[0]["server_uuid"])
        baseline = _seen(cluster, docker, uuid, (run, link, kind))
        control.write(BASELINE_FILE, as_json(baseline))
    # Our own note does not count as a change.
    return Outcome("baseline", None, f"noted: PBX {baseline.pbx_version} at {baseline.pbx_address}, folder {uuid}")


def _seen(cluster: DataFlowCluster, docker: DockerFacts, uuid: str, who: tuple[str, str, str]) -> Baseline:
    found, pbx = service(docker, cluster.data_path), look_pbx(cluster)
    run, link, kind = who
    return Baseline(
        at=utc(time.time()),
        run=run,
        link=link,
        kind=kind,
        containers=tuple(container.id for container in found.containers),
        pbx_image=found.dataflow.image_id if found.dataflow else "",
        clickhouse_image=found.clickhouse.image_id if found.clickhouse else "",
        data_path=cluster.data_path,
        server_uuid=uuid,
        pbx_address=address(pbx),
        pbx_version=pbx.version or "",
        token=pbx.token_hash,
    )


def _read(text: str) -> Baseline | None:
    try:
        return from_json(text)
    except (TypeError, ValueError):
        return None
