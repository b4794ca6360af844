"""A server that the vendor's script installed long ago: the same files, containers and entries, without its minutes.

`tests/test_sandbox_installed.py` installs through the script as well and compares, so that the two stay the same.
"""

from __future__ import annotations

import secrets
import time
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox import vendor
from tests.sandbox.data_template import copy_template, wait_healthy
from tests.sandbox.docker_cli_options import create_body, options
from tests.sandbox.registry import OLD_PBX, pbx_image

if TYPE_CHECKING:
    from tests.sandbox.host import Host
    from tests.sandbox.world import World

DATA_PATH = "/var/lib/portsip"
PBX = "portsip/pbx:22"


def install(world: World, version: str) -> None:
    """Put everything in place and start it: ClickHouse of this version, and the PBX image before today's."""
    prepare(world)
    world.engine.images.hold(pbx_image(OLD_PBX))
    world.engine.images.load(f"portsip/clickhouse:{version}")
    password = secrets.token_urlsafe(18)[:20]
    copy_template(version, world.history_rows, world.server.path(f"{DATA_PATH}/clickhouse/data"))
    _write_files(world, version, password)
    _start(world, version, password)
    _wait_registered(world)


def prepare(world: World) -> None:
    """What the guide asks for before the script is run: whitelist, token, SSH key."""
    world.pbx.ip.add_rule(f"{world.server.address}/32", description="Data Flow Service")
    world.pbx.data_flow.generate()
    authorise(world.control, world.server)


def authorise(control: Host, server: Host) -> None:
    """Let the control node sign in to the server with a key, and know its host key."""
    private, public = _key_pair()
    control.write("/home/pbx/.ssh/id_rsa", private, 0o600)
    control.write("/home/pbx/.ssh/id_rsa.pub", public)
    control.write("/home/pbx/.ssh/known_hosts", f"{server.address} {server.host_key}\n", 0o600)
    server.write("/home/pbx/.ssh/authorized_keys", public, 0o600)


@cache
def _key_pair() -> tuple[str, str]:
    """Once for the process: making one takes up to a second."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return private.decode(), f"{public.decode()} pbx@pbx01\n"


def _write_files(world: World, version: str, password: str) -> None:
    server, variant = world.server, vendor.VARIANTS[world.variant]
    server.write(f"{DATA_PATH}/dataflow/system.ini", f"[dataflow]\npassword={password}\n", 0o600)
    saved = {
        "DATA_PATH": DATA_PATH,
        "PRI_IP_ADDRESS": server.address,
        "PUB_IP_ADDRESS": "",
        "PBX_IP_ADDRESS": world.virtual_ip,
        "DATAFLOW_IMG": PBX,
        "DB_IMG": f"portsip/clickhouse:{version}",
        "EXTEND_SVC_TYPE": "dataflow-server-only",
        "HUB_USER": "",
        "HUB_SERVER": "",
    }
    quote = variant.quote
    lines = "".join(f"{name}={quote}{value}{quote}\n" for name, value in saved.items())
    server.write(f"{variant.folder}/.configure_dataflow", lines)
    compose = f"services:\n  database:\n    environment:\n      - CLICKHOUSE_PASSWORD={password}\n"
    server.write(f"{variant.folder}/docker-compose.yml", compose)
    world.control.write(f"{vendor.FOLDER}/.dataflow_server", f"{server.address}\n")


def _start(world: World, version: str, password: str) -> None:
    """Create and start both containers by the very words that the script says to `docker`."""
    variant = vendor.VARIANTS[world.variant]
    labels = f"--label com.docker.compose.project.working_dir={variant.folder} \
--label com.docker.compose.project={variant.folder.rpartition('/')[2]}"
    always = f"--network host --restart unless-stopped {labels}"
    database = f"""--user root {always} --label com.docker.compose.service=database -e CLICKHOUSE_DB=default
        -e CLICKHOUSE_USER=default -e CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT=1 -e CLICKHOUSE_PASSWORD={password}
        -v {DATA_PATH}/clickhouse/data:/var/lib/clickhouse -v {DATA_PATH}/clickhouse/log:/var/log/clickhouse-server
        --health-interval 1s --health-retries 3 --health-start-period 5s
        --cap-add NET_ADMIN --cap-add SYS_NICE --cap-add IPC_LOCK --ulimit nofile=655360"""
    check = ["--health-cmd", "wget --spider -q http://localhost:8123/ping"]
    _container(world, variant.database, [*database.split(), *check, f"portsip/clickhouse:{version}"])
    writer = f"""--user portsip {always} --label com.docker.compose.service=dataflow
        -v {DATA_PATH}/dataflow:/var/lib/portsip/dataflow {PBX} /usr/local/bin/dataflow serve
        -D /var/lib/portsip/dataflow -a {world.virtual_ip} -x {world.server.address}"""
    wait_healthy(world.engine, variant.database)
    _container(world, variant.writer, writer.split())


def _container(world: World, name: str, words: list[str]) -> None:
    found, (image, *command) = options(words, stop_at_first=True)
    world.engine.create(name, create_body(found, image, command)).start()


def _wait_registered(world: World) -> None:
    """Wait until the service of long ago lives: a test must not meet it while it looks at its tables."""
    deadline = time.monotonic() + 60
    while b"registered with the PBX" not in world.engine.containers[0].output:
        if time.monotonic() > deadline:
            raise RuntimeError(world.engine.containers[0].output.decode(errors="replace")[-1000:])
        time.sleep(0.01)
