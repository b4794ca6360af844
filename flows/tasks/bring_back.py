"""The three things that can be done to a service that is down: start it, stop the rest of it, create it anew."""

from __future__ import annotations

import time
from dataclasses import replace

from blocks.cluster import DataFlowCluster
from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState, Images
from flows.core.installed import Service
from flows.core.numbers import SETTLE_POLL, STOP_GRACE
from flows.core.recovery import run_arguments
from flows.core.script import failure, run_command
from flows.core.words import duration
from flows.errors import ScriptFailed, Unreachable, VerificationFailed
from flows.tasks.change_lock import mark
from flows.tasks.clickhouse_log import and_why
from flows.tasks.script import run_folder, start_and_follow
from flows.tasks.settle import gate


def start(cluster: DataFlowCluster, found: Service) -> tuple[str, ...]:
    """Start what does not run, ClickHouse first; the writer follows when every table is loaded."""
    names = []
    for container in (found.clickhouse, found.dataflow):
        if container is None or container.running:
            continue
        with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
            client.api.start(container.id)
        names.append(container.name)
        if container is found.clickhouse:
            _wait_ready(cluster)
    return tuple(names)


def _wait_ready(cluster: DataFlowCluster) -> None:
    began = time.monotonic()
    while trouble := _not_ready(cluster):
        if (waited := time.monotonic() - began) > cluster.settle_timeout:
            trouble += and_why(cluster, waited)
            hint = "The writer was not started. Look at ClickHouse's log: <data path>/clickhouse/log on the server."
            raise VerificationFailed("server", f"waiting {duration(cluster.settle_timeout)}", trouble, hint)
        time.sleep(SETTLE_POLL)


def _not_ready(cluster: DataFlowCluster) -> str:
    try:
        with (
            cluster.server.get_client(name="server") as ssh,
            cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse,
        ):
            return gate(clickhouse)
    except Unreachable as error:
        return str(error)


def stop(cluster: DataFlowCluster, found: Service) -> tuple[str, ...]:
    """Stop what runs, the writer first, each with time to end by itself."""
    names = []
    with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
        for container in (found.dataflow, found.clickhouse):
            if container is not None and container.running:
                client.api.stop(container.id, timeout=STOP_GRACE)
                names.append(f"{container.name} stopped")
    return tuple(names)


def run_script_with(
    cluster: DataFlowCluster, lock: ChangeLock, folder: str, state: ChangeState, found: Service, images: Images
) -> str:
    """The vendor's `run` with the recorded parameters and these very images."""
    stop(cluster, found)
    argv = run_command(cluster.script_name, run_arguments(state.recorded, images))
    with cluster.control.get_client(name="pbx01") as ssh:
        mark(ssh, replace(lock, script=folder), "script")
    transcript = start_and_follow(cluster, run_folder(folder), argv)
    if why := failure(transcript):
        hint = f"The whole transcript is {transcript.folder}/log on pbx01."
        raise ScriptFailed("pbx01", " ".join(argv), why, hint)
    return f"dataflow.sh run with {images.pbx.reference} and {images.clickhouse.reference}, both by digest"
