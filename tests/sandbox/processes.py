"""Processes that belong to a host of the sandbox, also those that left every session and group."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def of(root: Path) -> list[int]:
    """Every process that was started with SANDBOX_ROOT=<root>; empty where there is no /proc."""
    wanted = f"SANDBOX_ROOT={root}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or is not ours
            if wanted in _environment(folder):
                found.append(int(folder.name))
    return found


def _environment(folder: Path) -> list[bytes]:
    """The environment of a process; in the middle of exec it shows none for a moment."""
    for _ in range(100):
        if text := (folder / "environ").read_bytes():
            return text.split(b"\0")
        (folder / "exe").readlink()  # a thread of the kernel, or one that ended, has no program and never will
        time.sleep(0.002)
    return []


def end(root: Path, patience: float = 20.0) -> None:
    """End exactly these, and what they start meanwhile; return when none is left."""
    deadline = time.monotonic() + patience
    nobody = 0
    while nobody < 2 and time.monotonic() < deadline:  # one look may miss who has just forked
        left = of(root)
        nobody = 0 if left else nobody + 1
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)  # a killed process needs a moment to leave /proc
