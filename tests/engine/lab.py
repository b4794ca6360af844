"""The lab: the world of the stories on real parts.

with Lab(installed="24.8") as lab:
    lab.ask("SELECT version()")             # a real ClickHouse in a container of a real engine on dataflow01
    lab.restart_ssh(lab.control)            # a real sshd

What is real: the hosts' Debian with sshd, sudo and chrony, the server's Docker engine, docker compose, the registry,
ClickHouse. What stands in: the PBX's REST API and the vendor's `dataflow.sh` and Data Flow program, as in the sandbox.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self

import docker

from tests.engine import installed, recorder
from tests.engine.bus import Bus
from tests.engine.hosts import LabHost
from tests.engine.kept import ranges
from tests.engine.namespaces import End, Relay
from tests.engine.network import Network
from tests.engine.overheard import Overheard
from tests.engine.shared import Shared
from tests.sandbox import vendor
from tests.sandbox.containers import LiveCalls
from tests.sandbox.installed import prepare
from tests.sandbox.live import Ledger
from tests.sandbox.pbx import Pbx
from tests.sandbox.recording import Recording
from tests.sandbox.registry import NEW_PBX
from tests.sandbox.world import DATA_PATH, World

CALLS = "/var/lib/sandbox-calls"
"""Where the live writer keeps count, on the server and outside of everything that a rollback puts back."""


@dataclass(frozen=True)
class LabContainer:
    """One container of the service."""

    name: str
    id: str
    running: bool
    image_id: str


class Lab(World):
    """A world of real parts; made with the words of `World`, and as much a context manager that leaves nothing."""

    control: LabHost  # type: ignore[assignment]
    second: LabHost  # type: ignore[assignment]
    third: LabHost  # type: ignore[assignment]
    server: LabHost  # type: ignore[assignment]
    making = False  # the installation that others will start from: it takes no calls

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.shared = stack.enter_context(Shared())
            self._network = stack.enter_context(Network(self.shared.engine, ranges(self)))
            self.pbx = stack.enter_context(Pbx())
            self._start_hosts(stack)
            if self.installed:
                prepare(self)  # before the service can ask the PBX for its token
            self._connect_parts(stack)
            self._put_script()
            stack.callback(self.shared.registry.serve)  # for whoever comes next
            self.publish_pbx(NEW_PBX)  # a story before this one may have moved the tag
            if self.installed:
                installed.install(self, self._folder)
            self._stack = stack.pop_all()
        return self

    def _start_hosts(self, stack: ExitStack) -> None:
        shared, address = self.shared, self._network.address
        with_docker = self.docker_installed or self.installed
        self._folder = shared.engine.runs / self._network.name
        stack.callback(installed.remove_folder, self._folder)
        docker_folder, data_folder = self._folder / "docker", self._folder / "data"
        for folder in (docker_folder, data_folder):
            folder.mkdir(parents=True)
        if self.installed:
            installed.prepare_folders(self, docker_folder, data_folder)
        plain = shared.images.host

        def host(image: str, name: str, number: int, **more: Any) -> LabHost:
            words = (shared.engine, self._network, image, name, address(number))
            return stack.enter_context(LabHost(*words, password=self.password, **more))

        image = shared.images.docker_host if with_docker else plain
        self.server = host(image, "dataflow01", 26, docker_folder=docker_folder, data_folder=data_folder)
        self.control = host(plain, "pbx01", 21, further=(self.virtual_ip,))
        self.second, self.third = (host(plain, name, number) for name, number in (("pbx02", 22), ("pbx03", 23)))
        for one in (self.control, self.second, self.third, self.server):
            one.wait_ready()

    def _connect_parts(self, stack: ExitStack) -> None:
        """What is reached through this process: the PBX and its bus at the virtual IP, the registry, ClickHouse."""
        here, server = self.control.pid, self.server.pid
        relay = Relay(End(here, self.virtual_ip, 8887), End(0, "127.0.0.1", self.pbx.port))
        stack.callback(relay.close)
        stack.callback(Bus(End(here, self.virtual_ip, 4222), self._told_by_bus).close)
        stack.callback(self.shared.mirror(self.server).close)
        clickhouse = Relay(End(0, "127.0.0.1", 0), End(server, "127.0.0.1", 8123))
        stack.callback(clickhouse.close)
        self.clickhouse_port = clickhouse.port
        self.server.run("install", "-d", "-o", "888", "-g", "888", CALLS)
        self.ledger = Ledger(self.server.path(f"{CALLS}/acknowledged"))

    def _told_by_bus(self) -> dict[str, Any]:
        on, rate, asynchronous = self._live
        live = LiveCalls(f"{CALLS}/acknowledged", rate, asynchronous=asynchronous)
        return {
            "token": self.pbx.token,
            "rows": self.history_rows,
            "live": asdict(live) if on and not self.making else None,
        }

    def _put_script(self) -> None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # the vendor's figure, where this machine has as much
        nofile = 655360 if most == resource.RLIM_INFINITY else min(655360, most)
        here = {"NOFILE": nofile, "WRITER_MOUNT": f"{CALLS}:{CALLS}"}
        vendor.install(self.control, self.variant, compose=True, **here)
        variables = self.control.path(f"{vendor.FOLDER}/res/vars.yml")
        variables.write_text(self._network.in_it(variables.read_text()))
        vendor.start_over(self.control)

    @contextmanager
    def recorded(self) -> Iterator[Recording]:
        """Note every request and command of the meantime; what is yielded is filled at the end.

        Of ClickHouse's requests only those of the client that flows have; the writer and the story ask by others.
        """
        hosts, begun = (self.control, self.second, self.third, self.server), len(self.pbx.requests)
        with ExitStack() as stack:
            for host in hosts:
                stack.enter_context(recorder.watched(host))
            clickhouse = stack.enter_context(Overheard(self.server.pid, 8123))
            yield (recording := Recording())
        recording.forwarded += [each for each in clickhouse.said if b"python-httpx" in each]
        recording.commands.update({host.name: recorder.commands(host) for host in hosts})
        recording.docker += recorder.docker_requests(self.server)
        recording.pbx += self.pbx.requests[begun:]

    @property
    def name(self) -> str:
        """What its network, its containers and everything else of it are named by."""
        return self._network.name

    @property
    def virtual_ip(self) -> str:
        """The PBX's address as the hosts know it."""
        return self._network.address(20)

    @property
    def block_settings(self) -> dict[str, Any]:
        """What the cluster's block lowers here: the sizes and the system of this machine."""
        release = dict(line.split("=", 1) for line in self.server.path("/usr/lib/os-release").read_text().splitlines())
        sizes = {"vcpu": 1, "memory_gib": 2, "recommended_vcpu": 1, "recommended_memory_gib": 2}
        disks = {"system_disk_gib": 8, "data_disk_gib": 8}
        system = {"os_id": release["ID"], "os_versions": [release["VERSION_ID"].strip('"')]}
        source = "tests/engine: the machine that the lab runs on"
        return {"requirements": {**sizes, **disks, **system, "source": source}, "image_gib": 2}

    def containers(self) -> list[LabContainer]:  # type: ignore[override]
        """The service's containers, in the order of their names."""
        names = vendor.VARIANTS[self.variant]
        if not self.server.path("/run/docker.sock").exists():
            return []
        socket = self.server.path("/run/docker.sock")
        with closing(docker.DockerClient(base_url=f"unix://{socket}", version="1.41", timeout=60)) as client:
            found = [c.attrs for c in client.containers.list(all=True) if c.name in (names.database, names.writer)]
        made = (LabContainer(a["Name"][1:], a["Id"], a["State"]["Running"], a["Image"]) for a in found)
        return sorted(made, key=lambda container: container.name)

    def publish_pbx(self, version: str) -> None:
        """Let the tag `portsip/pbx:22` mean the image of this version from now on."""
        self.shared.registry.publish_pbx(version)

    def refuse_pulls(self, on: bool = True) -> None:
        """Let the registry answer nobody, or everybody again."""
        (self.shared.registry.refuse if on else self.shared.registry.serve)()

    def kill_container(self, name: str) -> None:
        """Kill its process (-9) behind Docker's back, which starts it again by its policy."""
        pid = self.server.run("docker", "inspect", "--format", "{{.State.Pid}}", name).strip()
        self.server.run("kill", "-KILL", pid)

    def empty_data_folder(self) -> None:
        """Let ClickHouse find an empty folder at its next start, as when the data disk is not mounted there."""
        empty = f"{DATA_PATH}/clickhouse/.empty"
        self.server.run("mkdir", "-p", empty)
        self.server.run("mount", "--bind", empty, f"{DATA_PATH}/clickhouse/data")

    def restart_ssh(self, host: LabHost) -> None:  # type: ignore[override]
        """Restart the host's SSH server: every session ends, and for a moment nobody gets in."""
        host.restart_ssh()

    def description(self) -> str:
        """What is here, for a person."""
        hosts = (self.control, self.second, self.third, self.server)
        lines = [
            "A PortSIP PBX HA cluster on real parts, in a network that only this machine has:",
            *(f"  {host.name:<11} {host.address:<15} ssh {host.user}@{host.address}" for host in hosts),
            f"  PBX         {self.virtual_ip:<15} {self.pbx.url}  (self-signed, user {self.pbx.username})",
            f"  ClickHouse  {self.installed or 'none yet'}, 127.0.0.1:8123 on dataflow01",
            f"  passwords   {self.password} of {self.control.user} on every host, {self.pbx.password} of "
            f"{self.pbx.username} on the PBX; both end with this lab",
            f"  script      dataflow.sh as of PBX {self.variant}, {self.history_rows:,} call records to hand over",
        ]
        return "\n".join(lines)
