"""A control node for job.py alone: its state folder, and what it is asked there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flows.remote
from flows.core.redact import PATTERNS, WORDS

JOB = Path(flows.remote.__file__).with_name("job.py")
SECRET = "s3cret-Ünï"
PYTHON = [sys.executable, "-B", "-S", "-E", str(JOB)]


class Node:
    """A state folder of its own; `start` and `follow` are what the control node is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, name: str) -> Path:
        """The run folder of this name."""
        return self.folder / "runs" / name

    def start(self, script: str, name: str = "one", shell: str = "", **changed: Any) -> dict[str, Any]:
        """Start a bash script, through the words of `shell` where there are any."""
        settings = {
            "env": {},
            "patterns": PATTERNS,
            "words": WORDS,
            "secrets": [SECRET],
            "prompt_after": 0.3,
            **changed,
        }
        argv = [*PYTHON, "start", str(self.run(name)), str(self.folder), "/bin/bash", "-c", script]
        words = ["/bin/bash", "-c", f'{shell}; "$@"', "shell", *argv] if shell else argv
        return answer(words, json.dumps(settings))

    def state(self, name: str = "one") -> dict[str, Any]:
        """What became of the script."""
        return answer([*PYTHON, "state", str(self.run(name))])

    @contextmanager
    def follow(
        self, name: str = "one", position: int = 0, lines: int = 1000, wait: float = 10
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """The state and the lines from this position on, as they come."""
        words = [*PYTHON, "follow", str(self.run(name)), str(position), str(lines), str(wait)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield map(json.loads, process.stdout)
            finally:
                process.kill()

    def ended(self, name: str = "one") -> dict[str, Any]:
        """The state when the script does not run any more."""
        return until(lambda: self.state(name), lambda state: state["state"] in ("finished", "died"))

    def transcript(self, script: str, **changed: Any) -> str:
        """Run a script to its end; what is in its log."""
        self.start(script, **changed)
        self.ended()
        return (self.run("one") / "log").read_text()

    def go(self) -> None:
        """Let a script go on that waits in `HOLD`."""
        (self.folder / "go").touch()


HOLD = "while [ ! -e go ]; do sleep 0.02; done"


def answer(words: list[str], text: str = "") -> dict[str, Any]:
    """What job.py prints."""
    told = subprocess.run(words, input=text, capture_output=True, text=True, timeout=20)
    assert (told.returncode, told.stderr) == (0, "")
    said: dict[str, Any] = json.loads(told.stdout)
    return said


def until(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """Look until it is good, a minute at most."""
    deadline = time.monotonic() + 60
    while not good(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    return seen


def command_of(pid: int) -> bytes:
    """The command line and working folder of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() + bytes(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return b""
