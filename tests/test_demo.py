"""`make demo` as a visitor runs it: it ends well, and whatever its end, nothing of it is left."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.clickhouse import ensure_engine
from tests.sandbox.demo_processes import marked

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.demo, pytest.mark.matrix, pytest.mark.timeout(1200)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """The demo's place for temporary files, by which all that it starts is found; short, for socket paths."""
    with tempfile.TemporaryDirectory(prefix="d-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Demo:
    """The demo as a child process; its output is read up to a word, or to its end."""

    def __init__(self, folder: Path, terminal: bool = False) -> None:
        self.master, slave = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.sandbox.demo"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=slave if terminal else subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Ctrl-C reaches a program only over the terminal that controls it.
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if terminal else None,
        )
        os.close(slave)
        self.output = ""

    def read_to(self, word: str) -> str:
        """Read until the word was printed (at the end of the output: until then)."""
        while not re.search(word, self.output):
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # how a pseudo-terminal tells its end
                piece = b""
            if not piece:
                break
            self.output += piece.decode(errors="replace")
        return self.output

    def end(self) -> int:
        """Read to the end and return the exit code."""
        self.read_to(r"\Z(?!)")
        os.close(self.master)
        return self.process.wait(30)


def assert_nothing_left(folder: Path) -> None:
    """No process of the demo lives, and its temporary files are gone."""
    assert marked(folder) == []
    assert [path.name for path in folder.iterdir()] == []


def test_the_demo_installs_through_the_deployment_and_shows_what_it_did(folder: Path) -> None:
    """Without a terminal it ends with the run's exit status: table of tasks, report, address."""
    ensure_engine("25.8")  # a first download of the engine is no part of the demo's time
    demo = Demo(folder)
    assert demo.end() == 0, demo.output
    last_screen = demo.output[demo.output.index("seconds  result") :]
    for task in ("preflight", "whitelist", "token", "ssh-key", "pull-image", "recreate", "verify-row-counts"):
        assert re.search(rf"^{task} +Completed ", last_screen, re.MULTILINE), task
    assert re.search(r"^run +Completed", last_screen, re.MULTILINE)
    assert re.search(
        r"^report +http://127\.0\.0\.1:\d+/v2/artifacts/artifact/[0-9a-f-]{36} ", last_screen, re.MULTILINE
    )
    assert re.search(r"^UI +http://127\.0\.0\.1:\d+$", last_screen, re.MULTILINE)
    page = re.search(r"^audit +the sources agree: .*; [45] runs; (/.*/audit\.html)$", demo.output, re.MULTILINE)
    assert page, demo.output
    assert "unaltered as far as can be known: 4 lines" in Path(page[1].strip()).read_text()
    assert_nothing_left(folder)


def _interrupt(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGINT)


def _type_control_c(demo: Demo) -> None:
    os.write(demo.master, b"\x03")


def _terminate(demo: Demo) -> None:
    demo.process.terminate()


@pytest.mark.parametrize(
    ("moment", "terminal", "stop", "code"),
    [
        ("starting a Prefect server", False, _interrupt, 130),
        ("the blocks are saved", False, _terminate, 143),
        (r"preflight +\w+", True, _type_control_c, 130),
    ],
    ids=["interrupted-at-once", "terminated-while-deploying", "control-c-during-the-run"],
)
def test_a_demo_that_is_stopped_leaves_nothing(
    folder: Path, moment: str, terminal: bool, stop: Callable[[Demo], None], code: int
) -> None:
    """Ctrl-C or SIGTERM, at whatever moment, ends everything that was started."""
    demo = Demo(folder, terminal)
    assert re.search(moment, demo.read_to(moment)), demo.output
    stop(demo)
    assert demo.end() == code, demo.output
    assert_nothing_left(folder)
