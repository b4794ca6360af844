"""One container of the sandbox: created, started, watched, restarted, stopped, as docker would do it."""

from __future__ import annotations

import math
import secrets
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.sandbox.containers import Child, Job, Surroundings, start_child
from tests.sandbox.docker_faults import Faults
from tests.sandbox.docker_images import LocalImage
from tests.sandbox.docker_settings import HealthCheck, Settings
from tests.sandbox.prefect_server import free_port

NEVER = 0.0
USUAL_SHARES = 1024


def niceness(shares: int) -> int:
    """How nice a process is that has so many of docker's shares of CPU: each step is a quarter less weight."""
    return max(0, min(19, round(math.log(USUAL_SHARES / shares, 1.25))))


class Container:
    """A container: its settings stay, its process comes and goes."""

    def __init__(
        self,
        name: str,
        image: LocalImage,
        settings: Settings,
        folder: Path,
        around: Callable[[], Surroundings],
        faults: Faults,
    ) -> None:
        self.id = secrets.token_hex(32)
        self.name, self.image, self.settings = name, image, settings
        self.created = time.time()
        self.started_at = self.finished_at = NEVER
        self.exit_code, self.restarts, self.error = 0, 0, ""
        self.health: HealthCheck | None = settings.new_health_check()
        self.restarting = False
        self.alone = settings.host.get("NetworkMode") == "none"
        self._own_port = free_port() if self.alone else 0
        self._folder, self._around, self._faults = folder / self.id, around, faults
        self._child: Child | None = None
        self._lock = threading.RLock()
        self._leave_alone = threading.Event()  # set while a stop was asked for
        self._ended = threading.Event()

    @property
    def image_id(self) -> str:
        """The id of the image that it was created from."""
        return self.image.id

    @property
    def port(self) -> int:
        """The port of this machine that is its ClickHouse port: the host's, unless it has no network but its own."""
        return self._own_port or self._around().clickhouse_port

    @property
    def running(self) -> bool:
        """Whether its process lives (or is about to be started again)."""
        return self._child is not None or self.restarting

    @property
    def pid(self) -> int:
        """The process on this machine; 0 when there is none."""
        return self._child.pid if self._child is not None else 0

    @property
    def status(self) -> str:
        """Docker's word for the state."""
        if self.restarting:
            return "restarting"
        if self._child is not None:
            return "running"
        return "exited" if self.started_at else "created"

    @property
    def output(self) -> bytes:
        """What the process wrote."""
        log = self._folder / "output.log"
        return log.read_bytes() if log.exists() else b""

    def start(self) -> bool:
        """Start it; `False` when it runs already."""
        with self._lock:
            if self.running:
                return False
            self._leave_alone.clear()
            self._ended = threading.Event()  # a new one: the last run's watcher may still be about to set the old one
            self.restarts = 0
            self._spawn()
            threading.Thread(target=self._watch, args=(self._ended,), daemon=True).start()
            return True

    def _spawn(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        remote = self.image.remote
        binds = self._faults.folders(self.name, self.settings.binds, self._folder)
        if not self.alone:  # else it is no service, and what it is given may be shared with one
            self._faults.before_start(remote.version, binds)
        said, nice = self.settings, niceness(int(self.settings.host.get("CpuShares") or USUAL_SHARES))
        job = Job(remote.kind, remote.version, said.command, said.environment, binds, self._folder, nice)
        self.health = self.settings.new_health_check()
        self.started_at = time.time()
        self._child = start_child(job, replace(self._around(), clickhouse_port=self.port))
        if self._dies_with() is not None:
            self._child.signal(signal.SIGKILL)

    def _dies_with(self) -> int | None:
        """The exit code of a process that cannot live, by the container's name or by its image."""
        image = self.image
        return self._faults.exit_code_at_start(self.name, {*image.tags, *image.digests, image.id})

    def _watch(self, ended: threading.Event) -> None:
        """Follow the process: check its health, note its end, start it again where the policy says so."""
        while True:
            child = self._child
            if child is None:
                break
            code = child.wait(self.health.interval if self.health else None)
            if code is None:
                self._check_health()
                continue
            child.close()
            dies_with = self._dies_with()
            if not self._note_end(code if dies_with is None else dies_with):
                break
            # Docker waits 100 ms before the first new attempt and doubles that each time.
            self._leave_alone.wait(min(0.1 * 2**self.restarts, 60))
            with self._lock:
                if again := not self._leave_alone.is_set():
                    self.restarts += 1
                    self._spawn()
                self.restarting = False  # only now: between the two processes it is neither running nor ended
            if not again:
                break
        ended.set()

    def _note_end(self, code: int) -> bool:
        """Write down the end; whether the container is to be started again."""
        with self._lock:
            self.exit_code, self.finished_at = code, time.time()
            if self.health is not None:
                self.health.status = "unhealthy"  # as docker shows any container that ended
            again = not self._leave_alone.is_set() and self.settings.restarts_after(code, self.restarts)
            self.restarting = again
            self._child = None  # last: who sees that it does not run reads how it ended
            return again

    def _check_health(self) -> None:
        assert self.health is not None
        well = self.name not in self._faults.unhealthy and self._answers()
        self.health.note(well, time.time() - self.started_at)

    def _answers(self) -> bool:
        if self.image.remote.kind != "clickhouse":
            return (self._folder / "ready").exists()
        try:
            url = f"http://127.0.0.1:{self.port}/ping"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self, patience: float) -> bool:
        """Ask the process to end, kill it after `patience` seconds; `False` when it does not run."""
        with self._lock:
            if not self.running:
                return False
            self._leave_alone.set()
            child = self._child
        if child is not None:
            deaf = self.name in self._faults.deaf
            if not deaf:
                child.signal(signal.SIGTERM)
            if not self._ended.wait(patience if patience >= 0 else None):
                child.signal(signal.SIGKILL)
        self._ended.wait(10)
        return True

    def kill(self, number: int) -> bool:
        """Send a signal; `False` when it does not run. A kill by hand is not followed by a restart."""
        with self._lock:
            child = self._child
            if child is None:
                return False
            if number in (signal.SIGKILL, signal.SIGTERM):
                self._leave_alone.set()
            child.signal(number)
        if number == signal.SIGKILL:
            self._ended.wait(10)
        return True

    def crash(self) -> None:
        """Let the process die as if by itself, so that the restart policy acts."""
        if (child := self._child) is not None:
            child.signal(signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        if self.started_at:
            self._ended.wait()
        return self.exit_code

    def discard(self) -> None:
        """End it by force and delete what is its own; bound folders stay."""
        self.stop(0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def state(self) -> dict[str, Any]:
        """The part `State` of docker's description."""
        health = {"Health": self.health.describe()} if self.health is not None else {}
        return {
            "Status": self.status,
            "Running": self.running,
            "Paused": False,
            "Restarting": self.restarting,
            "OOMKilled": False,
            "Dead": False,
            "Pid": self.pid,
            "ExitCode": 0 if self._child is not None else self.exit_code,
            "Error": self.error,
            "StartedAt": moment(self.started_at),
            "FinishedAt": moment(self.finished_at),
            **health,
        }


def moment(seconds: float) -> str:
    """A time as docker writes it; the year 1 stands for never."""
    if not seconds:
        return "0001-01-01T00:00:00Z"
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{int(seconds % 1 * 1e9):09d}Z"
