"""What containers of the sandbox are: child processes, a real ClickHouse or a stand-in for Data Flow."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.sandbox.clickhouse import ensure_engine
from tests.sandbox.docker_database import write_configuration

HERE = Path(__file__).parent
DROP_INS = "/etc/clickhouse-server/config.d/"
PYTHON = (sys.executable, "-S", "-E", "-I")


@dataclass(frozen=True)
class LiveCalls:
    """Calls that go on: so many inserts a second of so many records each, and the ledger of what was acknowledged.

    `asynchronous` inserts are acknowledged before ClickHouse has them on disk (`wait_for_async_insert=0`).
    """

    ledger: str
    rate: float = 20
    rows: int = 3
    asynchronous: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What a container finds around it on its host: ports, the PBX, and how much history that has."""

    clickhouse_port: int
    pbx_url: str = ""
    pbx_token: Callable[[], str] = str
    history_rows: int = 250_000
    history_days: int = 200
    live: LiveCalls | None = None


@dataclass(frozen=True)
class Job:
    """What a container was created to run, in which environment, on which folders."""

    kind: str
    version: str
    command: tuple[str, ...]
    environment: dict[str, str]
    folders: dict[str, Path]  # path inside the container -> folder of this machine
    own: Path
    nice: int = 0

    def folder(self, inside: str) -> Path:
        """The folder behind a path of the container; without a bind it dies with the container."""
        for mount, path in self.folders.items():
            if inside == mount or inside.startswith(mount.rstrip("/") + "/"):
                return path / inside[len(mount) :].strip("/")
        private = self.own / "layer" / inside.strip("/")
        private.mkdir(parents=True, exist_ok=True)
        return private

    @property
    def ready(self) -> Path:
        """A file that is there once the stand-in for Data Flow serves."""
        return self.own / "ready"


class Child:
    """A running process that ends when this process does, with docker's reading of its exit code."""

    def __init__(self, argv: list[str], own: Path, first_line: str = "") -> None:
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "CLICKHOUSE_WATCHDOG_ENABLE": "0"}
        with (own / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=own,
                env=environment,
                start_new_session=True,
            )
        self.pid = self._process.pid
        assert self._process.stdin is not None
        if first_line:
            self._process.stdin.write(first_line.encode() + b"\n")
            self._process.stdin.flush()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code as docker shows it (128 + signal), or `None` when it still runs after `timeout`."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return 128 - code if code < 0 else code

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when the process is gone already."""
        self._process.send_signal(number)

    def end(self, patience: float) -> int:
        """Ask it to end, and end it by force after `patience` seconds; returns the exit code."""
        if patience > 0:
            self.signal(signal.SIGTERM)
        code = self.wait(patience)
        if code is None:
            self.signal(signal.SIGKILL)
            code = self.wait()
        self.close()
        return code if code is not None else 137

    def close(self) -> None:
        """Give the pipe back."""
        if self._process.stdin is not None:
            self._process.stdin.close()


def start_child(job: Job, around: Surroundings) -> Child:
    """Start the process that this container is."""
    job.ready.unlink(missing_ok=True)
    return _start_clickhouse(job, around) if job.kind == "clickhouse" else _start_dataflow(job, around)


def _start_clickhouse(job: Job, around: Surroundings) -> Child:
    data, log = job.folder("/var/lib/clickhouse"), job.folder("/var/log/clickhouse-server")
    for folder in (data, log):
        folder.mkdir(parents=True, exist_ok=True)
    port = around.clickhouse_port
    config = write_configuration(job.own, data, log, port, job.version, job.environment)
    for place, file in job.folders.items():
        if place.startswith(DROP_INS):
            (job.own / "config.d").mkdir(exist_ok=True)
            shutil.copyfile(file, job.own / "config.d" / place.removeprefix(DROP_INS))
    library = ensure_engine(job.version)
    argv = [*PYTHON, str(HERE / "docker_run_clickhouse.py"), str(library), str(config)]
    return Child(["nice", "-n", str(job.nice), *argv] if job.nice else argv, job.own)


def _start_dataflow(job: Job, around: Surroundings) -> Child:
    mode = "serve" if "serve" in job.command else "initdt" if "initdt" in job.command else ""
    if not mode:
        return Child(
            [*PYTHON, "-c", "print('no such program in this image', flush=True); raise SystemExit(127)"],
            job.own,
        )
    task = {
        "mode": mode,
        "sql": str(HERE / "call_records.sql"),
        "folder": str(job.folder("/var/lib/portsip/dataflow")),
        "password": job.environment.get("CLICKHOUSE_PASSWORD", ""),
        "clickhouse_port": around.clickhouse_port,
        "rows": around.history_rows,
        "days": around.history_days,
        "until": int(time.time()) // 86400 * 86400,
        "pbx_url": around.pbx_url,
        "token": around.pbx_token() if mode == "serve" else "",
        "private_ipv4": _option(job.command, "-x"),
        "public_ipv4": _option(job.command, "-z"),
        "ready": str(job.ready),
        "live": asdict(around.live) if around.live else None,
    }
    return Child([*PYTHON, str(HERE / "docker_run_dataflow.py")], job.own, json.dumps(task))


def _option(command: tuple[str, ...], name: str) -> str:
    return command[command.index(name) + 1] if name in command[:-1] else ""
