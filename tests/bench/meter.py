"""What a program takes: seconds, CPU of it and of all that it waited for, and the memory of its largest process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.rounds import Figures

LAUNCH = Path(__file__).with_name("launch.py")


class ProgramFailed(Exception):
    """A program of a benchmark ended with another exit code than 0."""


def spent(argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> tuple[Figures, str]:
    """Run a program to its end: its figures (seconds, cpu_seconds, peak_mib), and what it printed.

    Raises `ProgramFailed`, which holds the end of what it said, when its exit code is not 0.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = Path(folder, "figures.json")
        words = [sys.executable, "-I", "-S", str(LAUNCH), str(figures), *argv]
        done = subprocess.run(words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise ProgramFailed(f"{argv[0]} ended with exit code {done.returncode}:\n{last}")
        found: Figures = json.loads(figures.read_text())
    return found, done.stdout
