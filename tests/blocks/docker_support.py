"""The Docker engine of the sandbox: alone, or on its host with a block that signs in there with a key."""

from __future__ import annotations

import io
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from docker import DockerClient
from pydantic import SecretStr

from blocks.ssh import SshHost
from tests.sandbox.docker_engine import Engine
from tests.sandbox.host import Host
from tests.sandbox.prefect_server import free_port

SECOND = 10**9
DATA_PATH = "/var/lib/portsip"
PASSWORD = "click-house-secret"
HISTORY = 2000
"""Call records that Data Flow imports in these tests."""


@dataclass
class Server:
    """The engine, its host, and the block for the host."""

    engine: Engine
    host: Host
    ssh: SshHost


@contextmanager
def running_server(folder: Path, *, docker_installed: bool = True, **settings: Any) -> Iterator[Server]:
    """Start the host and its engine; the engine ends first, because its containers work in the host's folders."""
    root = folder / "dataflow01"
    engine = Engine(root, clickhouse_port=free_port(), **settings)
    with ExitStack() as stack:
        host = Host(
            "dataflow01",
            root,
            "192.168.1.26",
            password="not used here",
            docker_socket=engine.socket,
            docker_installed=docker_installed,
        )
        stack.enter_context(host)
        stack.enter_context(engine)
        yield Server(engine, host, _block(host))


def _block(host: Host) -> SshHost:
    """Signs in with a key: a password would be looked up in Prefect first, which these tests do not need."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()
    public = paramiko.Ed25519Key(file_obj=io.StringIO(text))
    host.write("/home/pbx/.ssh/authorized_keys", f"{public.get_name()} {public.get_base64()}\n", 0o600)
    return SshHost(host="127.0.0.1", port=host.ssh_port, private_key=SecretStr(text), host_key=host.host_key)


def local_client(engine: Engine) -> DockerClient:
    """Docker's own client at the engine's socket, without SSH in between."""
    return DockerClient(base_url=f"http+unix://{engine.socket}", timeout=30)


def start_clickhouse(client: DockerClient, version: str = "25.8", password: str = PASSWORD, **more: Any) -> Any:
    """Create and start the ClickHouse container as the vendor's script does."""
    settings: dict[str, Any] = {
        "name": "portsip.clickhouse",
        "network_mode": "host",
        "user": "root",
        "restart_policy": {"Name": "unless-stopped"},
        "environment": {"CLICKHOUSE_PASSWORD": password, "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1"},
        "volumes": [
            f"{DATA_PATH}/clickhouse/data:/var/lib/clickhouse",
            f"{DATA_PATH}/clickhouse/log:/var/log/clickhouse-server",
        ],
        "healthcheck": {"test": ["CMD-SHELL", "wget"], "interval": SECOND, "retries": 3, "start_period": 5 * SECOND},
    }
    return client.containers.run(f"portsip/clickhouse:{version}", detach=True, **{**settings, **more})


@contextmanager
def running_engine(folder: Path, *images: str) -> Iterator[tuple[Engine, DockerClient]]:
    """An engine whose host has these images, and a client at its socket."""
    with Engine(folder / "host", clickhouse_port=free_port(), history_rows=HISTORY, fastest_check=0.05) as engine:
        for image in images or ("portsip/clickhouse:25.8", "portsip/pbx:22"):
            engine.images.load(image)
        client = local_client(engine)
        yield engine, client
        client.close()


def until(condition: Any, seconds: float = 120) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def healthy(container: Any) -> Any:
    """The container once its health check passes."""
    until(lambda: container.reload() or container.health == "healthy")
    return container


def ask(engine: Engine, sql: str, password: str = PASSWORD) -> str:
    """The answer of the engine's ClickHouse."""
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": password}
    url = f"http://127.0.0.1:{engine.around.clickhouse_port}/"
    with urllib.request.urlopen(urllib.request.Request(url, sql.encode(), headers), timeout=20) as answer:
        return str(answer.read().decode().strip())


def data_flow(client: DockerClient, *command: str, name: str = "portsip.dataflow") -> Any:
    """Create and start a container of the PBX image."""
    return client.containers.run(
        "portsip/pbx:22",
        list(command),
        detach=True,
        name=name,
        environment={"CLICKHOUSE_PASSWORD": PASSWORD},
        volumes=[f"{DATA_PATH}/dataflow:/var/lib/portsip/dataflow"],
        healthcheck={"test": ["CMD-SHELL", "true"], "interval": SECOND},
    )
