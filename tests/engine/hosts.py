"""Hosts of the lab: containers with Debian's sshd, and for the Data Flow server with a Docker engine of its own."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import docker
import docker.errors
from docker.models.containers import Container

from tests.engine.engine import LABEL, Engine, remove_cgroups
from tests.engine.network import Network

_ENGINE_CAPABILITIES = """SYS_ADMIN NET_ADMIN NET_RAW SYS_PTRACE DAC_READ_SEARCH SYS_CHROOT MKNOD SYS_NICE IPC_LOCK
AUDIT_WRITE"""
_CGROUPS = "/sys/fs/cgroup"
MIRROR_PORT = 5000
"""Where the host finds the registry, on its own loopback."""


class LabHost:
    """One machine; the context manager makes it and leaves nothing behind.

    Its files are those below `/proc/<its first process>/root`; an absolute link among them leads out of it, to a file
    of this machine.
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        image: str,
        name: str,
        address: str,
        *,
        password: str,
        further: tuple[str, ...] = (),
        docker_folder: Path | None = None,
        data_folder: Path | None = None,
    ) -> None:
        self._engine, self._network, self._image = engine, network, image
        self.name, self.address, self.user, self.password = name, address, "pbx", password
        self.ssh_host, self.ssh_port = address, 22
        self._further, self._docker, self._data = further, docker_folder, data_folder
        self._own = f"{network.name}-{name}"

    def __enter__(self) -> Self:
        self._settings = self._engine.runs / self._own
        self._settings.mkdir()
        self._write_setting("password", self.password)
        self._write_setting("addresses", "\n".join(f"{one}/24" for one in self._further))
        if self._docker is not None:
            words = ["--bridge=none", "--iptables=false", "--ip6tables=false", f"--cgroup-parent=/{self._own}"]
            self._write_setting("dockerd", " ".join([*words, f"--registry-mirror=http://127.0.0.1:{MIRROR_PORT}"]))
        self._container: Container = self._engine.client.containers.run(self._image, **self._options())
        try:
            self._container.reload()
            self.pid: int = self._container.attrs["State"]["Pid"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        with suppress(docker.errors.NotFound):
            self._container.remove(force=True, v=True)
        remove_cgroups(self._own)
        shutil.rmtree(self._settings, ignore_errors=True)

    def _options(self) -> dict[str, Any]:
        volumes = {str(self._settings): {"bind": "/etc/lab", "mode": "ro"}}
        if self._data is not None:
            volumes[str(self._data)] = {"bind": "/var/lib/portsip", "mode": "rw"}
        options: dict[str, Any] = {
            "detach": True,
            "name": self._own,
            "hostname": self.name,
            "labels": {LABEL: self._network.name},
            "cap_add": ["NET_ADMIN"],
            "volumes": volumes,
            "network": self._network.name,
            "networking_config": {
                self._network.name: self._engine.client.api.create_endpoint_config(ipv4_address=self.address)
            },
        }
        if self._docker is not None:
            volumes[str(self._docker)] = {"bind": "/var/lib/docker", "mode": "rw"}
            volumes[_CGROUPS] = {"bind": _CGROUPS, "mode": "rw"}
            options |= {
                "cap_add": _ENGINE_CAPABILITIES.split(),
                "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
                "device_cgroup_rules": ["a *:* rwm"],
                "cgroupns": "host",
            }
        return options

    def _write_setting(self, name: str, text: str) -> None:
        place = self._settings / name
        place.touch(mode=0o600)
        place.write_text(f"{text}\n")

    def wait_ready(self, seconds: float = 120) -> None:
        """Wait until its SSH server (and its Docker engine) serve."""
        deadline = time.monotonic() + seconds
        while not self.path("/run/lab-ready").exists():
            self._container.reload()
            if self._container.status != "running" or time.monotonic() > deadline:
                said = self._container.logs(tail=30).decode(errors="replace")
                raise RuntimeError(f"{self.name} does not start: {said}")
            time.sleep(0.05)

    @property
    def host_key(self) -> str:
        """The public host key as known_hosts has it: `ssh-ed25519 AAAA…`."""
        return " ".join(self.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])

    def path(self, path: str) -> Path:
        """Where the host's absolute path is for this process."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """Write a file of the host as root, with its folders; in the user's home it is the user's."""
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        home = self.path(f"/home/{self.user}")
        if place.is_relative_to(home):
            owner = home.stat()
            for own in (place, place.parent):
                subprocess.run(["chown", f"{owner.st_uid}:{owner.st_gid}", str(own)], check=True)
        return place

    def run(self, *words: str, user: str = "root", check: bool = True) -> str:
        """Run a command on the host, past its SSH server; returns what it said."""
        code, said = self._container.exec_run(list(words), user=user)
        text = said.decode(errors="replace")
        if check and code:
            raise RuntimeError(f"{self.name}: {words} ended with {code}: {text[-1000:]}")
        return str(text)

    def stop_docker(self) -> None:
        """End the host's Docker engine, which ends its containers first."""
        self.run("bash", "-c", "pid=$(</run/docker.pid); kill $pid; while [ -d /proc/$pid ]; do sleep 0.05; done")

    def restart_ssh(self) -> None:
        """Kill the SSH server and every session of it, and start it anew."""
        self.run("bash", "-c", "pkill -KILL -x sshd; sleep 0.3; exec /usr/sbin/sshd")
