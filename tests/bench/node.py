"""A control node behind a real SSH server, whose scripts are followed; what it and its follower use of a core."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from blocks.clickhouse import ClickHouse
from blocks.cluster import DataFlowCluster
from blocks.docker_host import DockerHost
from blocks.pbx import PbxApi
from blocks.ssh import SshHost
from flows.core.numbers import STATE_FOLDER
from tests.bench.sshd import Sshd
from tests.bench.target import sshd_of
from tests.sandbox import vendor
from tests.sandbox.host import Host

NAME = "bench.sh"
ARGV = ["/bin/bash", NAME, "run"]
_TICKS = os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """Seconds of a core, on our side and on the control node; what the script itself uses is not among them."""

    here: float
    there: float


class Node:
    """The control node `pbx01` as `ssh` and our flows reach it."""

    def __init__(self, host: Host, sshd: Sshd) -> None:
        self.host, self.sshd = host, sshd
        self.address = (str(sshd.port), sshd.user, str(sshd.key), sshd.host_key)
        self.cluster = cluster_of(*self.address)
        host.path(STATE_FOLDER).mkdir(parents=True)
        self.by_hand = f"cd {vendor.FOLDER} && {' '.join(ARGV[:2])}"

    def let_print(self, script: str) -> None:
        """Let the script be this one."""
        self.host.write(f"{vendor.FOLDER}/{NAME}", script, 0o755)

    def ssh(self, *options: str) -> list[str]:
        """The words of `ssh` as an administrator has them, up to the command."""
        pinned = {
            "UserKnownHostsFile": self.sshd.known_hosts,
            "StrictHostKeyChecking": "yes",
            "IdentityFile": self.sshd.key,
            "IdentitiesOnly": "yes",
        }
        words = [word for name, value in pinned.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", *words, *options, "-p", str(self.sshd.port), f"{self.sshd.user}@127.0.0.1"]

    def used(self) -> Used:
        """Until now, in all; without the thread that asks, as asking takes more than following."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        table = _processes()
        there = [pid for pid in table if _serves(pid, self.sshd.pid, table)]
        here = [pid for pid in table if table[pid].parent == os.getpid() and table[pid].command.startswith("ssh ")]
        return Used(
            time.process_time()
            - time.thread_time()
            + children.ru_utime
            + children.ru_stime
            + sum(table[pid].seconds for pid in here),
            sum(table[pid].seconds for pid in there),
        )

    @contextmanager
    def meter(self, after: float, during: float) -> Iterator[dict[str, float]]:
        """Per cent of a core, from `after` seconds on and `during` so many; filled in when the block is left."""
        found: dict[str, float] = {}

        def take() -> None:
            time.sleep(after)
            first, began = self.used(), time.monotonic()
            time.sleep(during)
            last, took = self.used(), time.monotonic() - began
            found["cpu_percent"] = (last.here - first.here) / took * 100
            found["pbx01_cpu_percent"] = (last.there - first.there) / took * 100

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield found
        finally:
            thread.join()


def cluster_of(port: str, user: str, key: str, host_key: str) -> DataFlowCluster:
    """A cluster of which nothing is there but the control node."""
    secret = SecretStr(Path(key).read_text())
    control = SshHost(host="127.0.0.1", port=int(port), user=user, private_key=secret, host_key=host_key)
    return DataFlowCluster(
        name="bench",
        control=control,
        server=control,
        pbx=PbxApi(host="127.0.0.1", password=SecretStr("unused")),
        docker=DockerHost(),
        clickhouse=ClickHouse(),
        private_address="192.168.1.26",
        script_folder=vendor.FOLDER,
    )


@contextmanager
def control_node(folder: Path) -> Iterator[Node]:
    """A node of which nothing is left behind."""
    with Host("pbx01", folder / "pbx01", "192.168.1.21", password="unused") as host, sshd_of(host) as sshd:
        yield Node(host, sshd)


class _Process(NamedTuple):
    parent: int
    command: str
    seconds: float
    mounts: str


def _processes() -> dict[int, _Process]:
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            mounts = str((path / "ns" / "mnt").readlink())
        except OSError:  # it ended meanwhile
            continue
        # Those that ended and were waited for count, too; a script is waited for by its runner, after the last look.
        found[int(path.name)] = _Process(int(words[1]), command, sum(map(int, words[11:15])) / _TICKS, mounts)
    return found


def _serves(pid: int, sshd: int, table: dict[int, _Process]) -> bool:
    """Whether it runs on the node, which has mounts of its own, and is neither the script nor below that."""
    if table[pid].mounts != table[sshd].mounts:
        return False
    while pid in table:
        if NAME in table[pid].command and "job.py" not in table[pid].command:
            return False
        pid = table[pid].parent
    return True
