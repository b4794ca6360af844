"""A service that was stopped on purpose: proved, noted on the control node, read by the next look."""

from __future__ import annotations

import time

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.control import badly_ended, endings
from flows.core.installed import Service, service
from flows.core.numbers import STATE_FOLDER, STOP_GRACE
from flows.core.stopped import KnownStop, as_json, from_json
from flows.core.words import utc
from flows.errors import VerificationFailed
from flows.tasks.look_docker import look_server, read_docker
from flows.tasks.policy import LOOK, told

STOP_FILE = f"{STATE_FOLDER}/stopped.json"


def read_stop(ssh: SshClient) -> KnownStop | None:
    """The last stop that was ordered by these flows; `None` when there was none since the service was started."""
    text = ssh.read(STOP_FILE)
    return from_json(text) if text else None


@task(name="verify-stopped", task_run_name="verify-stopped", **LOOK)
def verify_stopped(cluster: DataFlowCluster, lock: ChangeLock, ticket: str, noted: KnownStop | None) -> Told[Service]:
    """Check that no container runs, and note on the control node that this is on purpose.

    A stop that was noted before (`noted`) and still explains what is there stays as it is. Raises `VerificationFailed`.
    """
    docker = look_server(cluster)
    found = service(docker, cluster.data_path)
    running = [container.name for container in found.containers if container.running]
    if running or docker.trouble:
        hint = "Look at docker ps on the server and at the script's log; then press Retry."
        answer = docker.trouble or f"still running: {', '.join(running)}"
        raise VerificationFailed(cluster.server.where, "checking that the service is stopped", answer, hint)
    if noted is None or not noted.explains(found):
        ids = tuple(container.id for container in found.containers)
        stop = KnownStop(utc(time.time()), lock.holder, lock.link, ticket, lock.change, ids)
        with cluster.control.get_client(name="pbx01") as ssh:
            ssh.write(STOP_FILE, as_json(stop))
    return told(Outcome("verify-stopped", None, endings(found) or "there is no container"), found)


@task(name="verify-exit-codes", task_run_name="verify-exit-codes", **LOOK)
def verify_exit_codes(where: str, found: Service) -> Outcome:
    """Check that the containers that were stopped just now ended by themselves; raises `VerificationFailed`."""
    if bad := badly_ended(found):
        hint = (
            "The service is stopped, but not everything it held in memory may be on the disk. Start it again with "
            "control-data-flow: it compares every table with what was recorded before the stop. Look at its log first."
        )
        raise VerificationFailed(where, "looking at how the containers ended", bad, hint)
    return told(Outcome("verify-exit-codes", None, "all ended by themselves"))


@task(name="stop-service", task_run_name="stop-service", **LOOK)
def stop_service(cluster: DataFlowCluster) -> Told[Service]:
    """Stop the writer, then ClickHouse, each with time to end by itself; the vendor's `rm` gives only ten seconds."""
    with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
        found = service(read_docker(client, ()), cluster.data_path)
        running = [c for c in (found.dataflow, *found.strangers, found.clickhouse) if c is not None and c.running]
        for container in running:
            get_run_logger().info("Stopping %s, for at most %d s.", container.name, STOP_GRACE)
            client.api.stop(container.id, timeout=STOP_GRACE)
        stopped = service(read_docker(client, ()), cluster.data_path)
    return told(Outcome("stop-service", bool(running), endings(stopped)), stopped)


def forget_stop(cluster: DataFlowCluster) -> None:
    """Take the note away: the service runs again, or is not there any more."""
    with cluster.control.get_client(name="pbx01") as ssh:
        ssh.run(f"rm -f {STOP_FILE}")
