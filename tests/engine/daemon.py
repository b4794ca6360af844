"""Programs that serve as long as the lab runs: Docker's engine, the registry."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Daemon:
    """A child process with a log; it is asked to end when this process dies, however that happens."""

    def __init__(self, words: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is ours: it must not meet the engine before its containers
                preexec_fn=_end_with_parent,
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it serves; raises with the end of its log when it does not."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end(5)
                raise RuntimeError(f"{self._process.args} does not serve: {self.log.read_text()[-1500:]}")
            time.sleep(0.05)

    def end(self, patience: float) -> None:
        """Ask it to end, and end it by force after `patience` seconds."""
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
