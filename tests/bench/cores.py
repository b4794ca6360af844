"""Lets the server of a lab go first on this machine: worker, Prefect and the other hosts take what it leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.engine.lab import Lab

_GROUPS = Path("/sys/fs/cgroup")
LEAST = "2"
"""Of 1024 that a group has by itself."""


@contextmanager
def server_first(lab: Lab) -> Iterator[None]:
    """Meanwhile this process, all it starts, and the lab's other hosts only get the time that the server leaves."""
    for host in (lab.control, lab.second, lab.third):
        (_group(host.pid, "cpu") / "cpu.shares").write_text(LEAST)
    home, last = _group(os.getpid(), "cpu"), _GROUPS / "cpu" / f"{lab.name}-last"
    last.mkdir()
    (last / "cpu.shares").write_text(LEAST)
    (last / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        for process in (last / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (home / "cgroup.procs").write_text(process)
        last.rmdir()


def spent(lab: Lab) -> tuple[float, float]:
    """CPU seconds that the server gave so far: to containers beside the two of the service, and to the host itself."""
    place = _GROUPS / "cpuacct" / f"{lab.name}-{lab.server.name}"
    whole, host = _seconds(place), _seconds(_group(lab.server.pid, "cpuacct"))
    return whole - sum(_seconds(place / each.id) for each in lab.containers()), host


def _seconds(group: Path) -> float:
    return int((group / "cpuacct.usage").read_text()) / 1e9


def process_of(lab: Lab, name: str) -> int:
    """A process of one of the server's containers, by its number on this machine."""
    found = next(each for each in lab.containers() if each.name == name)
    place = _GROUPS / "cpu" / f"{lab.name}-{lab.server.name}" / found.id
    return int((place / "cgroup.procs").read_text().split()[0])


def join(process: int) -> None:
    """Let this process be scheduled as if it were one more program of the container that `process` belongs to."""
    (_group(process, "cpu") / "cgroup.procs").write_text(str(os.getpid()))


def _group(process: int, controller: str) -> Path:
    """Its folder of this controller (control groups of version 1, as the lab has them)."""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _GROUPS / controller / path.lstrip("/")
    raise SystemExit(f"this machine has no control groups of version 1 for {controller}")
