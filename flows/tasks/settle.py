"""Waits until the service is up: containers healthy and ClickHouse ready, seen twice with a pause (stage 8)."""

from __future__ import annotations

import time

from prefect import get_run_logger, task

from blocks.clickhouse import ClickHouseClient
from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.installed import Service, healthy, service
from flows.core.numbers import SETTLE_POLL
from flows.core.tables import LOADING, SERVER, loading_trouble
from flows.core.words import duration
from flows.errors import APIError, Unreachable, VerificationFailed
from flows.tasks.clickhouse_log import and_why
from flows.tasks.look_docker import look_docker
from flows.tasks.policy import LOOK, told

_BY_HAND = (
    "Look on the server: docker ps -a; docker logs <container>; ClickHouse's own log is in <data path>/clickhouse/log."
)


@task(name="settle", task_run_name="settle", **LOOK)
def settle(cluster: DataFlowCluster) -> Told[Service]:
    """Wait until two looks with a pause between find the same containers healthy and every table loaded.

    Raises `VerificationFailed` when that is not so before the block's settle time-out.
    """
    began, seen = time.monotonic(), ""
    while True:
        trouble, found = _look(cluster)
        identity = " ".join(f"{c.id}:{c.restarts}" for c in found.containers)
        if not trouble and identity == seen:
            took = duration(time.monotonic() - began)
            names = " and ".join(c.name for c in found.containers)
            return told(Outcome("settle", None, f"{names} healthy in two looks, after {took}"), found)
        if trouble and trouble != seen:
            get_run_logger().info("Not settled yet: %s", trouble)
        if (waited := time.monotonic() - began) > cluster.settle_timeout:
            tried = f"waiting {duration(cluster.settle_timeout)} for a healthy service"
            answer = trouble or "healthy in one look only: its containers may keep restarting"
            answer += and_why(cluster, waited)
            raise VerificationFailed(cluster.server.where, tried, answer, _BY_HAND)
        seen = trouble or identity
        time.sleep(SETTLE_POLL if trouble else cluster.settle_pause)


def _look(cluster: DataFlowCluster) -> tuple[str, Service]:
    """One look over a connection of its own: the script may have restarted Docker, and a link may freeze."""
    found = Service(None, None)
    try:
        with cluster.server.get_client(name="server") as ssh:
            docker = look_docker(cluster, ssh)
            found = service(docker, cluster.data_path)
            if trouble := docker.trouble or healthy(found):
                return trouble, found
            with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
                return gate(clickhouse), found
    except Unreachable as error:
        return str(error), found


def gate(clickhouse: ClickHouseClient) -> str:
    """Why ClickHouse is not ready, "" when it is: it answers, lets us in, and every table is loaded.

    Raises `APIError` when a table failed to load: that does not pass by waiting (clickhouse.md 2.4).
    """
    if not clickhouse.ping():
        return "ClickHouse does not answer /ping"
    clickhouse.query(SERVER)
    left, failed = loading_trouble(clickhouse.query(LOADING))
    if failed:
        raise APIError(
            clickhouse.where, "loading its tables", failed, "Do not start anything on this data; ask for help."
        )
    return f"ClickHouse is still loading {left} tables or parts of them" if left else ""
