"""The cluster in a box: PBX, control node, PBX nodes and the Data Flow server, behind real sockets on loopback.

with World() as world:
    world.save_blocks("sandbox")          # a DataFlowCluster block that points at all of it
    world.server.answers["nproc"] = "2\\n"  # now the server has two cores
    world.registry.refuse = True          # and no registry answers
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.sandbox import installed, vendor
from tests.sandbox.clickhouse import ensure_engine
from tests.sandbox.containers import LiveCalls
from tests.sandbox.docker_container import Container
from tests.sandbox.docker_engine import Engine
from tests.sandbox.host import Host
from tests.sandbox.live import Ledger, ask
from tests.sandbox.pbx import Pbx
from tests.sandbox.prefect_server import free_port
from tests.sandbox.recording import Recording
from tests.sandbox.registry import Registry, pbx_image

VIRTUAL_IP = "192.168.1.20"
CONTROL, SECOND, THIRD, SERVER = "192.168.1.21", "192.168.1.22", "192.168.1.23", "192.168.1.26"
DATA_PATH = "/var/lib/portsip"
PBX_PORTS = (8887, 4222)


class World:
    """Everything that the flows talk to; a context manager that leaves nothing behind.

    `variant` is the vendor's script: "22.3" or "22.8". `history_rows` is how many call records the PBX hands over
    to a new Data Flow server. `docker_installed` and `installed` say what the server has from the start: with a
    ClickHouse version ("24.8", "25.8") the script installed the service long ago, with the PBX image before today's.
    `live_calls` lets Data Flow insert new call records all the time; `live_asynchronously` without waiting for the
    disk (`async_insert`).
    """

    def __init__(
        self,
        *,
        variant: str = "22.8",
        history_rows: int = 240_000,
        docker_installed: bool = True,
        sudo: str = "nopasswd",
        installed: str = "",
        live_calls: bool = False,
        live_rate: float = 20,
        live_asynchronously: bool = False,
    ) -> None:
        self.variant, self.history_rows = variant, history_rows
        self.docker_installed, self.sudo = docker_installed, sudo
        self.installed, self._live = installed, (live_calls, live_rate, live_asynchronously)
        self.password = secrets.token_urlsafe(12)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            ensure_engine(self.installed or "25.8")
            self.folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.registry = Registry()
            self.clickhouse_port = free_port()
            self.pbx = stack.enter_context(Pbx())
            self.control, self.second, self.third, self.server = (
                stack.enter_context(self._host(name, address))
                for name, address in (
                    ("pbx01", CONTROL),
                    ("pbx02", SECOND),
                    ("pbx03", THIRD),
                    ("dataflow01", SERVER),
                )
            )
            # Behind the hosts, so that its containers end before the folders they write to go.
            self.engine = stack.enter_context(self._engine())
            stack.callback(self._tell_unwell)
            self.server.install_docker(self.engine.socket, installed=self.docker_installed)
            self._connect()
            if self.installed:
                installed.install(self, self.installed)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stack.close()

    def _tell_unwell(self) -> None:
        """Print what every container that should be healthy and is not said last; pytest shows it of a failed test."""
        for container in (c for c in self.engine.containers if c.health and c.health.status != "healthy"):
            log = self.server.path(f"{DATA_PATH}/clickhouse/log/clickhouse-server.log")
            lines = [*container.output.decode(errors="replace").splitlines()[-3:], f"the end of {log.name}:"]
            lines += log.read_text(errors="replace").splitlines()[-12:] if log.exists() else []
            print(f"{container.name} is {container.state()}; it said:", *lines, sep="\n")

    def _engine(self) -> Engine:
        on, rate, asynchronous = self._live
        self.ledger = Ledger(self.folder / "acknowledged-calls")
        return Engine(
            self.server.root,
            self.registry,
            self.clickhouse_port,
            pbx_url=self.pbx.url,
            pbx_token=lambda: self.pbx.token,
            history_rows=self.history_rows,
            fastest_check=0.05,
            live=LiveCalls(str(self.ledger.file), rate, asynchronous=asynchronous) if on else None,
        )

    def _host(self, name: str, address: str) -> Host:
        return Host(name, self.folder / name, address, password=self.password, sudo=self.sudo)

    def _connect(self) -> None:
        """Let the machines find one another under the addresses of the guide."""
        vendor.install(self.control, self.variant)
        self.control.know(SERVER, self.server.ssh_port)
        for host in (self.second, self.third):
            self.control.reach[host.address, 22] = ("127.0.0.1", host.ssh_port)
        for host in (self.control, self.second, self.third):
            host.reach[SERVER, 22] = ("127.0.0.1", self.server.ssh_port)
        for port in PBX_PORTS:
            self.server.reach[VIRTUAL_IP, port] = ("127.0.0.1", self.pbx.port)
        self.server.reach["127.0.0.1", 8123] = ("127.0.0.1", self.clickhouse_port)

    def containers(self) -> list[Container]:
        """The service's containers, in the order of their names."""
        names = vendor.VARIANTS[self.variant]
        own = (c for c in self.engine.containers if c.name in (names.database, names.writer))
        return sorted(own, key=lambda container: container.name)

    def publish_pbx(self, version: str) -> None:
        """Let the tag `portsip/pbx:22` mean the image of this version from now on."""
        self.registry.publish(pbx_image(version))

    def refuse_pulls(self, on: bool = True) -> None:
        """Let the registry answer nobody, or everybody again."""
        self.registry.refuse = on

    def kill_container(self, name: str) -> None:
        """Kill its process (-9) behind Docker's back, which starts it again by its policy."""
        next(c for c in self.containers() if c.name == name).crash()

    def empty_data_folder(self) -> None:
        """Let ClickHouse find an empty folder at its next start, as when the data disk is not mounted there."""
        self.engine.faults.empty_mount.add(vendor.VARIANTS[self.variant].database)

    def restart_ssh(self, host: Host) -> None:
        """Restart the host's SSH server: every session ends, and for a moment nobody gets in."""
        host.link.refuse()
        host.link.cut()
        time.sleep(0.5)
        host.link.allow()

    @contextmanager
    def recorded(self) -> Iterator[Recording]:
        """Note every request and command of the meantime; what is yielded is filled at the end."""
        hosts = (self.control, self.second, self.third, self.server)
        commands, forwarded = {h: len(h.commands) for h in hosts}, len(self.server.forwarded)
        docker, pbx = len(self.engine.requests), len(self.pbx.requests)
        yield (recording := Recording())
        recording.commands.update({host.name: host.commands[begun:] for host, begun in commands.items()})
        recording.forwarded += [data for _, data in self.server.forwarded[forwarded:]]
        recording.docker += self.engine.requests[docker:]
        recording.pbx += self.pbx.requests[pbx:]

    @property
    def block_settings(self) -> dict[str, Any]:
        """What the cluster's block needs to say besides addresses: nothing where the hosts are as the guide wants."""
        return {}

    @property
    def virtual_ip(self) -> str:
        """The PBX's address as the hosts know it."""
        return VIRTUAL_IP

    @property
    def clickhouse_password(self) -> str:
        """The password as the product keeps it on the server."""
        return self.server.path(f"{DATA_PATH}/dataflow/system.ini").read_text().rpartition("=")[2].strip()

    def ask(self, sql: str) -> str:
        """ClickHouse's answer to a statement, asked over loopback with nothing of the flows in between."""
        return ask(self.clickhouse_port, self.clickhouse_password, sql)

    def acknowledged(self) -> list[int]:
        """The numbers of all live call records that ClickHouse acknowledged, whatever became of it since."""
        return self.ledger.acknowledged()

    def missing_records(self) -> dict[int, int]:
        """The acknowledged records that are not in ClickHouse exactly once, and how often they are there."""
        return self.ledger.missing(self.ask)

    def wait_for_calls(self, more: int = 1) -> int:
        """Wait until so many more live records are acknowledged; how many there are in all."""
        return self.ledger.wait_for_more(more, 120)

    @property
    def saved_parameters(self) -> str:
        """The file on the server in which the vendor's script records what it was called with."""
        return f"{vendor.VARIANTS[self.variant].folder}/.configure_dataflow"

    def save_blocks(self, name: str) -> None:
        """Save the blocks that point here under this name, on the Prefect server of the environment."""
        from tests.sandbox.saved_blocks import save  # Prefect takes seconds to import, and the world needs none of it

        save(self, name)

    def description(self) -> str:
        """What is here, for a person."""
        lines = [
            "A PortSIP PBX HA cluster in a box, all on loopback:",
            *(
                f"  {host.name:<11} {host.address:<13} ssh {host.user}@127.0.0.1 -p {host.ssh_port}"
                for host in (self.control, self.second, self.third, self.server)
            ),
            f"  PBX         {VIRTUAL_IP:<13} {self.pbx.url}  (self-signed, user {self.pbx.username})",
            f"  ClickHouse  {self.installed or '25.8'} of PyPI's chdb, on 127.0.0.1:{self.clickhouse_port}"
            + ("" if self.installed else " once installed"),
            f"  passwords   {self.password} of {self.control.user} on every host, {self.pbx.password} of "
            f"{self.pbx.username} on the PBX; both end with this sandbox",
            f"  script      dataflow.sh as of PBX {self.variant}, {self.history_rows:,} call records to hand over",
        ]
        return "\n".join(lines)
