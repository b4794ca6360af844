"""A Prefect server and so many clusters to check, on loopback: what a health check and its rivals look at.

All clusters are one and the same cluster in a box under several names; who asks cannot tell. Its hosts are behind real
SSH servers; Docker's engine, ClickHouse and the PBX are the sandbox's, in this process, whose CPU counts for nobody.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.ssh import SshHost
from tests.bench.seen import Seen, look
from tests.bench.sshd import Sshd
from tests.bench.target import sshd_of
from tests.sandbox.demo_processes import Processes
from tests.sandbox.prefect_server import PrefectServer
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.saved_blocks import cluster_block, schemas_made_once
from tests.sandbox.world import World


class Servers:
    """`names` are the saved clusters, `environment` is that of a program which shall use this Prefect server."""

    def __init__(self, count: int) -> None:
        self.names: Sequence[str] = [f"server{number:02}" for number in range(1, count + 1)]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True))
            self.folder = Path(folder)
            processes = Processes(self.folder)
            stack.callback(processes.stop)
            self.prefect = PrefectServer(processes)
            self.prefect.start()
            stack.callback(EventsWorker.drain_all, 10)  # what this process still has to tell a server that ends then
            self.world = stack.enter_context(World(installed="25.8", history_rows=20_000))
            self.world.pbx.version = OLD_PBX  # that of the containers which run there
            self.control = stack.enter_context(sshd_of(self.world.control))
            self.server = stack.enter_context(sshd_of(self.world.server))
            self.prefect.wait()
            self.environment = self.prefect.environment
            self._save()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stack.close()

    def look(self, name: str) -> Seen:
        """Our own look at one of them, without a run."""
        with temporary_settings({PREFECT_API_URL: self.environment["PREFECT_API_URL"]}):
            return look(name)

    def _save(self) -> None:
        block = cluster_block(self.world, "server")
        parts = {
            "control": _host(self.control),
            "server": _host(self.server),
            "clickhouse": block.clickhouse.model_copy(update={"port": self.world.clickhouse_port}),
            "pbx": block.pbx,
            "docker": block.docker,
        }
        with temporary_settings({PREFECT_API_URL: self.environment["PREFECT_API_URL"]}), schemas_made_once():
            for name, part in parts.items():
                part.save(f"bench-{name}")
            for name in self.names:
                block.model_copy(update={"name": name, **parts}).save(name)


def _host(sshd: Sshd) -> SshHost:
    key = SecretStr(sshd.key.read_text())
    return SshHost(host="127.0.0.1", port=sshd.port, user=sshd.user, private_key=key, host_key=sshd.host_key)
