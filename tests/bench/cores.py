"""Gives the server of a lab a core of its own: what else this machine does is not measured there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.engine.lab import Lab

_GROUPS = Path("/sys/fs/cgroup")
SERVER = max(os.sched_getaffinity(0))
"""The server's core; all others are for the worker, Prefect and the other hosts."""


def keep_apart(lab: Lab) -> None:
    """From here on the server, with all containers that it runs or will run, has one core, and nobody else has it."""
    if os.cpu_count() == 1:
        raise SystemExit("this machine has one core only: nothing can be kept apart on it")
    own = _containers(lab)
    for group in (_group(lab.server.pid, "cpuset"), *sorted(own.rglob("*/"), reverse=True), own):
        (group / "cpuset.cpus").write_text(str(SERVER))
    others = ",".join(str(core) for core in _others())
    for host in (lab.control, lab.second, lab.third):
        (_group(host.pid, "cpuset") / "cpuset.cpus").write_text(others)
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), set(_others()))


def process_of(lab: Lab, name: str) -> int:
    """A process of one of the server's containers, by its number on this machine."""
    found = next(each for each in lab.containers() if each.name == name)
    return int((_containers(lab) / found.id / "cgroup.procs").read_text().split()[0])


def join(process: int) -> None:
    """Let this process be scheduled as if it were one more program of the container that `process` belongs to."""
    for controller in ("cpu", "cpuset"):
        (_group(process, controller) / "cgroup.procs").write_text(str(os.getpid()))


def _containers(lab: Lab) -> Path:
    return _GROUPS / "cpuset" / f"{lab.name}-{lab.server.name}"


def _others() -> Iterator[int]:
    return (core for core in sorted(os.sched_getaffinity(0) | {SERVER}) if core != SERVER)


def _group(process: int, controller: str) -> Path:
    """Its folder of this controller (control groups of version 1, as the lab has them)."""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _GROUPS / controller / path.lstrip("/")
    raise SystemExit(f"this machine has no control groups of version 1 for {controller}")
