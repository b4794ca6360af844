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
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def end(root: Path, patience: float = 2.0) -> None:
    """End exactly these, and what they start meanwhile; return when none is left."""
    deadline = time.monotonic() + patience
    while (left := of(root)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)  # a killed process needs a moment to leave /proc
