"""The new ClickHouse on the copy: a container without network, bounded in memory, CPU and life, read through exec."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.types import LogConfig, Mount
from prefect import get_run_logger, task
from pydantic import SecretStr

from blocks.clickhouse import ClickHouseClient
from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome, Told
from flows.core.change_state import Image
from flows.core.numbers import REHEARSAL_LIFE, REHEARSAL_MEMORY_GIB, REHEARSAL_STOP, REHEARSAL_WEIGHT, SETTLE_POLL
from flows.core.redact import redact
from flows.core.rehearsal import CHANGED_DEFAULTS, LABEL, UID, Setting, container_name, folder, on_disk, set_aside
from flows.core.rehearsal_seen import Copy, Held, Opened
from flows.core.words import duration, size
from flows.errors import APIError, CommandFailed, Unreachable, VerificationFailed
from flows.tasks.data import read_data
from flows.tasks.look_docker import read_docker
from flows.tasks.policy import ONCE, told
from flows.tasks.settle import gate

_PORT = 8123  # of the image, whatever the port of the live server is
_MEMORY = "SELECT toUInt64(max(value)) AS bytes FROM system.asynchronous_metrics WHERE metric = 'MemoryResident'"


@task(name="open-copy", task_run_name="open-copy", **ONCE)
def open_copy(cluster: DataFlowCluster, copy: Copy, cpus: float) -> Told[Opened]:
    """Start the wished ClickHouse on the copy, wait until every table is loaded, read them all, and stop it.

    That it does not start or load is an answer, not an error. Raises `Unreachable` when the server cannot be reached.
    """
    opened = _open(cluster, copy, cluster.clickhouse_image, cpus)
    if opened.data is None:
        get_run_logger().error("The new ClickHouse could not open the copy: %s", opened.trouble)
        return told(Outcome("open-copy", None, opened.trouble), opened)
    said = f"ClickHouse {opened.data.version} loaded every table after {duration(opened.seconds)}, "
    said += f"with {size(opened.memory)} of memory"
    return told(Outcome("open-copy", None, said), opened)


@task(name="open-with-old", task_run_name="open-with-old", **ONCE)
def open_with_old(cluster: DataFlowCluster, copy: Copy, image: str, cpus: float) -> Told[Held]:
    """Open the copy with the image of the ClickHouse that is stopped: what it reads, the new one has to find.

    Raises `VerificationFailed` when it cannot open its own data: nothing can be compared then.
    """
    opened = _open(cluster, copy, image, cpus)
    if opened.data is None:
        tried, hint = "opening the copy with its own ClickHouse", "Start the service as it is, or ask for help."
        raise VerificationFailed(cluster.server.where, tried, opened.trouble, hint)
    held = Held(on_disk(opened.data), on_disk(opened.data), set_aside(opened.data))
    said = held.damage or f"ClickHouse {opened.data.version} reads {len(opened.data.tables)} tables of it"
    return told(Outcome("open-with-old", None, said), held)


def _open(cluster: DataFlowCluster, copy: Copy, reference: str, cpus: float) -> Opened:
    password = SecretStr(secrets.token_urlsafe(24))  # of this container only: nobody else ever needs it
    with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
        image = _image(client, reference)
        began = time.monotonic()
        container = _start(cluster, client, copy, reference, cpus, password)
        try:
            return _read(cluster, ssh, client, copy, image, password, began)
        finally:
            client.api.stop(container, timeout=REHEARSAL_STOP)
            client.api.remove_container(container, v=True)


def _image(client: docker.DockerClient, reference: str) -> Image:
    found = next((i for i in read_docker(client, (reference,)).images or () if i.reference == reference), None)
    if found is None:
        raise CommandFailed("server", f"looking for {reference}", "it is not there any more", "Press Retry.")
    return Image(reference, found.id, next(iter(found.digests), ""), found.version)


def _start(
    cluster: DataFlowCluster,
    client: docker.DockerClient,
    copy: Copy,
    reference: str,
    cpus: float,
    password: SecretStr,
) -> str:
    """A folder that is missing is an error, never a fresh one; a user that owns no file of the service."""
    place, config = folder(cluster.data_path, copy.name), "/etc/clickhouse-server/config.d/zz-rehearsal.xml"
    mounts = [
        Mount("/var/lib/clickhouse", f"{place}/data", type="bind"),
        Mount("/var/log/clickhouse-server", f"{place}/log", type="bind"),
        Mount(config, f"{place}/rehearsal.xml", type="bind", read_only=True),
    ]
    settings = client.api.create_host_config(
        network_mode="none",
        mounts=mounts,
        mem_limit=REHEARSAL_MEMORY_GIB << 30,
        memswap_limit=REHEARSAL_MEMORY_GIB << 30,
        nano_cpus=int(cpus * 1e9),
        cpu_shares=REHEARSAL_WEIGHT,  # the live server goes first
        # Nobody in there can ever become the owner of a file. The image's program may ask for these three.
        cap_drop=["ALL"],
        cap_add=["NET_ADMIN", "SYS_NICE", "IPC_LOCK"],
        security_opt=["no-new-privileges"],
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "1"}),
        restart_policy={"Name": "no"},
    )
    environment = {
        "CLICKHOUSE_DB": "default",
        "CLICKHOUSE_USER": cluster.clickhouse.user,
        "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
        "CLICKHOUSE_PASSWORD": password.get_secret_value(),
    }
    made = client.images.get(reference).attrs["Config"]
    # It ends by itself when everybody who could end it is gone.
    life = ["timeout", str(int(cluster.settle_timeout) + REHEARSAL_LIFE), *(made.get("Entrypoint") or [])]
    container = client.api.create_container(
        reference,
        made.get("Cmd") or [],
        name=container_name(copy.name),
        user=f"{UID}:{copy.gid}",
        entrypoint=life,
        environment=environment,
        labels={LABEL: copy.name},
        host_config=settings,
    )
    client.api.start(container["Id"])
    return str(container["Id"])


def _read(
    cluster: DataFlowCluster,
    ssh: SshClient,
    client: docker.DockerClient,
    copy: Copy,
    image: Image,
    password: SecretStr,
    began: float,
) -> Opened:
    said, deadline = "", began + cluster.settle_timeout
    with _client(cluster, ssh, copy, password) as clickhouse:
        while True:
            try:
                trouble = gate(clickhouse)
                if not trouble:
                    seconds = time.monotonic() - began
                    data = read_data(clickhouse)
                    memory = int(clickhouse.query(_MEMORY)[0]["bytes"])
                    return Opened(image, data, "", seconds, memory, _settings(clickhouse))
            except APIError as error:
                return Opened(image, None, f"{error.answer}", time.monotonic() - began)
            except Unreachable as error:
                if not ssh.alive:
                    raise
                trouble = error.answer
            if ended := _ended(cluster, ssh, client, copy):
                return Opened(image, None, ended, time.monotonic() - began)
            if time.monotonic() > deadline:
                waited = f"not ready after {duration(cluster.settle_timeout)}: {trouble}"
                return Opened(image, None, waited, time.monotonic() - began)
            if trouble != said:
                get_run_logger().info("The new ClickHouse is not ready yet: %s", trouble)
                said = trouble
            time.sleep(SETTLE_POLL)


@contextmanager
def _client(cluster: DataFlowCluster, ssh: SshClient, copy: Copy, password: SecretStr) -> Iterator[ClickHouseClient]:
    opener = cluster.docker.ports_in(ssh, container_name(copy.name))
    with cluster.clickhouse.get_client_through(f"the copy on {ssh.where}", opener, _PORT, password) as clickhouse:
        yield clickhouse


def _settings(clickhouse: ClickHouseClient) -> tuple[Setting, ...] | None:
    """The defaults of MergeTree that its versions changed; `None` where it does not tell them."""
    try:
        return tuple(Setting(**row) for row in clickhouse.query(CHANGED_DEFAULTS))
    except APIError:
        return None


def _ended(cluster: DataFlowCluster, ssh: SshClient, client: docker.DockerClient, copy: Copy) -> str:
    """Why the container does not run any more, with the last thing that the server said; "" while it runs."""
    state = client.containers.get(container_name(copy.name)).attrs["State"]
    if state["Running"]:
        return ""
    log = f"{folder(cluster.data_path, copy.name)}/log/clickhouse-server.err.log"
    lines = (ssh.read(log, sudo=True) or "").splitlines()
    told_why = [line for line in lines if "Exception" in line]
    last = redact((told_why or lines or ["it left no log"])[-1], ()).partition(", Stack trace")[0].rpartition("> ")[2]
    killed = " (it wanted more memory than it may take)" if state.get("OOMKilled") else ""
    return f"it ended with exit code {state['ExitCode']}{killed}: {last}"
