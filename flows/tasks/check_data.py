"""Opens data that was put back with the ClickHouse that it was written with, alone in a container, and reads it."""

from __future__ import annotations

import time

import docker
from docker.errors import NotFound
from docker.types import Mount
from prefect import get_run_logger

from blocks.clickhouse import ClickHouse
from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.data.snapshot import DataSnapshot
from flows.core.numbers import SETTLE_POLL, STOP_GRACE
from flows.core.restore_point import RestorePoint
from flows.core.rollback import CHECK
from flows.core.words import duration
from flows.errors import CommandFailed, Unreachable, VerificationFailed
from flows.tasks.data import read_data
from flows.tasks.settle import gate


def data_in_check(cluster: DataFlowCluster, point: RestorePoint) -> DataSnapshot:
    """Everything that the old ClickHouse reads of the data; it runs alone, and not any more when this returns.

    Raises `VerificationFailed` when it does not get ready, and `CommandFailed` when it does not end by itself.
    """
    remove_check(cluster)
    with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
        _start(cluster, ssh, client, point)
    try:
        data = _read(cluster)
    except BaseException:
        remove_check(cluster)
        raise
    if (code := remove_check(cluster)) != 0:
        hint = "It was killed or crashed while it ended. Press Retry: the point is put back and read again."
        raise CommandFailed("server", f"stopping {CHECK}", f"exit code {code}", hint, code or -1)
    return data


def remove_check(cluster: DataFlowCluster) -> int | None:
    """Stop the container with time to end by itself and remove it; its exit code, `None` when there was none."""
    with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
        try:
            container = client.containers.get(CHECK)
        except NotFound:
            return None
        container.stop(timeout=STOP_GRACE)
        container.reload()
        code = int(container.attrs["State"]["ExitCode"])
        container.remove(v=True)
        return code


def _start(cluster: DataFlowCluster, ssh: SshClient, client: docker.DockerClient, point: RestorePoint) -> None:
    """As the vendor's script starts it, but without a restart; a missing folder is an error, never a fresh one."""
    password = cluster.clickhouse.password
    if not password.get_secret_value():
        password = ClickHouse.read_password(ssh, cluster.data_path)
    folders = {"data": "/var/lib/clickhouse", "log": "/var/log/clickhouse-server"}
    mounts = [Mount(to, f"{cluster.data_path}/clickhouse/{name}", type="bind") for name, to in folders.items()]
    settings = client.api.create_host_config(
        network_mode="host", mounts=mounts, cap_add=["NET_ADMIN", "SYS_NICE", "IPC_LOCK"], restart_policy={"Name": "no"}
    )
    environment = {
        "CLICKHOUSE_DB": "default",
        "CLICKHOUSE_USER": "default",
        "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
        "CLICKHOUSE_PASSWORD": password.get_secret_value(),
    }
    image = point.images.clickhouse.id
    made = client.api.create_container(image, name=CHECK, user="root", environment=environment, host_config=settings)
    client.api.start(made["Id"])


def _read(cluster: DataFlowCluster) -> DataSnapshot:
    began, said = time.monotonic(), ""
    while True:
        try:
            with (
                cluster.server.get_client(name="server") as ssh,
                cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse,
            ):
                if not (trouble := gate(clickhouse)):
                    return read_data(clickhouse)
        except Unreachable as error:
            trouble = str(error)
        if trouble != said:
            get_run_logger().info("The old ClickHouse is not ready yet: %s", trouble)
            said = trouble
        if time.monotonic() - began > cluster.settle_timeout:
            tried = f"waiting {duration(cluster.settle_timeout)} for the old ClickHouse on the data that was put back"
            hint = "The service stays stopped. Look at <data path>/clickhouse/log on the server, then press Retry."
            raise VerificationFailed(ssh.where, tried, trouble, hint)
        time.sleep(SETTLE_POLL)
