"""The outer Docker engine: Debian's `dockerd` with folders, socket and networks of its own, for this lab only.

with Engine() as engine:
    engine.client.containers.list()     # docker's own Python client

What is kept between runs lies below `lab_folder()`; everything else is temporary. The engine makes no bridge and no
iptables rule of its own (`--bridge none --iptables=false`), so that a Docker which the machine has is not touched.
Several processes of ours may use one engine: the first one starts and ends it, `JOIN` in the environment of the others
names its temporary folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import docker
import docker.errors

from tests.engine.daemon import Daemon

LABEL = "dataflow-flows.lab"
JOIN = "DATAFLOW_LAB_ENGINE"
NEEDED = {"dockerd": "docker.io", "docker-registry": "docker-registry", "debootstrap": "debootstrap", "ip": "iproute2"}
NEEDED |= {"iptables": "iptables"}


def lab_folder() -> Path:
    """Where the lab keeps what takes long to make, beside the sandbox's engines."""
    chosen = os.environ.get("DATAFLOW_SANDBOX_CACHE", "")
    return Path(chosen) / "lab" if chosen else Path.home() / ".cache" / "dataflow-flows" / "lab"


def missing() -> str:
    """What this machine lacks for the lab, as one line that says what to do; empty when nothing."""
    if os.geteuid() != 0:
        return "the lab needs root: run it as root, or in a virtual machine of its own"
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    packages = sorted({package for program, package in NEEDED.items() if not shutil.which(program, path=path)})
    return f"the lab needs packages: apt-get install --no-install-recommends {' '.join(packages)}" if packages else ""


def program(name: str) -> str:
    """Where a program is; Debian keeps some out of an ordinary user's PATH."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))
    if found is None:
        raise RuntimeError(f"{name} is not installed; {missing()}")
    return found


class Engine:
    """The engine; one at a time for each cache folder, a second one waits (or joins, where it is asked to)."""

    def __enter__(self) -> Self:
        self.folder = lab_folder()
        self.runs = self.folder / "runs"  # on the file system of the cache, so that hard links into it work
        with ExitStack() as stack:
            if owner := os.environ.get(JOIN):
                self.temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=owner)))
                self._connect(stack, Path(owner) / "docker.sock")
            else:
                self._own(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stack.close()

    def _own(self, stack: ExitStack) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((self.folder / ".lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"lab: waiting until another one of {self.folder} has ended", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        self.temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-")))
        _clean_after_kill(self.folder / ".temporary", self.temporary)
        stack.callback(_unmount_below, self.temporary)
        stack.callback(_unmount_below, self.folder)
        shutil.rmtree(self.runs, ignore_errors=True)  # of a lab that was killed
        self.runs.mkdir()
        stack.callback(shutil.rmtree, self.runs, ignore_errors=True)
        self._start(stack)

    def _start(self, stack: ExitStack) -> None:
        here = self.temporary
        socket = here / "docker.sock"
        words = [program("dockerd"), "--data-root", str(self.folder / "docker"), "--exec-root", str(here / "exec")]
        words += ["--pidfile", str(here / "docker.pid"), "--host", f"unix://{socket}", "--config-file"]
        words += [str(here / "daemon.json"), "--bridge", "none", "--iptables=false", "--ip6tables=false"]
        words += ["--ip-forward=false", "--userland-proxy=false", f"--cgroup-parent=/{here.name}"]
        stack.callback(remove_cgroups, here.name)
        (here / "daemon.json").write_text("{}")
        environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "TMPDIR": str(here)}
        daemon = Daemon(words, here / "dockerd.log", environment)
        stack.callback(daemon.end, 30)
        daemon.wait_until(socket.exists, 120)
        self._connect(stack, socket)
        daemon.wait_until(self._answers, 120)
        self._remove_leftovers()
        stack.callback(self._remove_leftovers)

    def _connect(self, stack: ExitStack, socket: Path) -> None:
        # The version is named: else the client would ask for it at once, before the engine answers.
        self.client = docker.DockerClient(base_url=f"unix://{socket}", version="1.41", timeout=600)
        stack.callback(self.client.close)

    def _answers(self) -> bool:
        with suppress(docker.errors.APIError, docker.errors.DockerException, OSError):
            return bool(self.client.ping())
        return False

    def _remove_leftovers(self) -> None:
        for container in self.client.containers.list(all=True):
            container.remove(force=True, v=True)
        self.client.networks.prune()


def remove_cgroups(name: str) -> None:
    """Remove the control groups that an engine made below this name, once their processes have ended."""
    top = Path("/sys/fs/cgroup")
    for folder in (top / name, *top.glob(f"*/{name}")):
        for inner in (*sorted(folder.rglob("*/"), reverse=True), folder):
            with suppress(OSError):
                inner.rmdir()


def _clean_after_kill(note: Path, now: Path) -> None:
    """Remove what a lab left that was killed; what another one still uses does not let itself be removed."""
    if note.exists():
        _unmount_below(Path(note.read_text()))
        shutil.rmtree(note.read_text(), ignore_errors=True)
    note.write_text(str(now))
    for name in {place.name for place in Path("/sys/fs/cgroup").glob("*/lab-*")}:
        remove_cgroups(name)


def _unmount_below(folder: Path) -> None:
    """Take away what a killed engine left mounted there."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split()[4].replace("\\040", " ") for line in lines]
    for place in sorted((p for p in places if p.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
