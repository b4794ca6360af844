"""The processes of the demo: each in a group of its own with a log file, and none left when it is over.

Prefect starts further sessions (a flow run leads its own), so ending the groups that we made is not enough.
Every process inherits an environment that names the demo's temporary folder: by that mark the rest is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE = 5.0
"""Seconds between asking a process to end and killing it."""

PATIENCE = 90.0
"""Seconds that systemd gives a program to end, by default."""


class DemoFailed(Exception):
    """A part of the demo did not start or ended too early; the message has the last lines of its log."""


def marked(folder: Path) -> list[int]:
    """The processes, without this one, whose environment names the folder; empty where there is no /proc."""
    mark, found = os.fsencode(folder), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


class Processes:
    """What the demo started, in the order of starting; `stop` ends it and everything that came from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in the background, output to `<folder>/<name>.log`."""
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                argv,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def finish(self, name: str, seconds: float) -> None:
        """Wait until a program that should end has ended well."""
        try:
            code = self._running[name].wait(seconds)
        except subprocess.TimeoutExpired:
            raise DemoFailed(self._report(name, f"has not ended after {seconds:.0f} s")) from None
        if code:
            raise DemoFailed(self._report(name, f"ended with exit code {code}"))
        del self._running[name]

    def check(self, *names: str) -> None:
        """Raise when one of the programs that should stay has ended."""
        for name in names:
            code = self._running[name].poll()
            if code is not None:
                raise DemoFailed(self._report(name, f"ended with exit code {code}"))

    def end(self, name: str) -> None:
        """End one program as `systemctl stop` does: ask it, then kill what has not ended in time."""
        process = self._running.pop(name)
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            print(f"{name} did not end within {PATIENCE:.0f} s of SIGTERM: killed")
            _signal_group(process, signal.SIGKILL)
            process.wait(GRACE)

    def stop(self) -> None:
        """End all, the last started first, then whatever carries our mark; kill what does not end in time."""
        for process in reversed(self._running.values()):
            _signal_group(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        self._sweep(signal.SIGTERM, GRACE)
        self.kill()

    def kill(self) -> None:
        """End everything at once."""
        for process in self._running.values():
            _signal_group(process, signal.SIGKILL)
        self._sweep(signal.SIGKILL, GRACE)
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)

    def _sweep(self, number: signal.Signals, seconds: float) -> None:
        told: set[int] = set()
        end = time.monotonic() + seconds
        while (left := marked(self.folder)) and time.monotonic() < end:
            for pid in set(left) - told:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            told.update(left)
            time.sleep(0.05)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _report(self, name: str, what: str) -> str:
        lines = self._log(name).read_text(errors="replace").splitlines()[-25:]
        return f"{name} {what}. The end of its log:\n" + "\n".join(f"    {line}" for line in lines)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
