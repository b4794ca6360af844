"""Contestants in turn, round by round, with what else the machine did meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

Figures = dict[str, float]
"""What one try took, by figure: seconds, cpu_seconds, peak_mib, …"""
FOREIGN = "foreign_cores"
"""The figure that `alternate` adds: cores kept busy by processes that are no children of this one."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Contestant(NamedTuple):
    """One way to do the job; each `run` does it once, checks what came of it, and tells what it took."""

    name: str
    run: Callable[[], Figures]


def alternate(contestants: Sequence[Contestant], rounds: int, warmup: int = 1) -> pd.DataFrame:
    """Let each contestant do the job once in each round, another one first each time.

    Rounds of warm-up come first and are not counted. Columns: contestant, round (from 1), figure, value; the rows of a
    contestant come in the order in which the contestants were given.
    """
    lines: list[tuple[str, int, str, float]] = []
    for number in range(1 - warmup, rounds + 1):
        first = number % len(contestants)
        for each in [*contestants[first:], *contestants[:first]]:
            figures = _one(each)
            said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            print(f"  {'warm-up' if number < 1 else f'round {number}'}: {each.name}: {said}", flush=True)
            if number > 0:
                lines += [(each.name, number, name, value) for name, value in figures.items()]
    places = [each.name for each in contestants]
    frame = pd.DataFrame(lines, columns=["contestant", "round", "figure", "value"])
    return frame.sort_values("contestant", key=lambda names: names.map(places.index), kind="stable", ignore_index=True)


def _one(contestant: Contestant) -> Figures:
    began, busy, own = time.monotonic(), _busy(), _own()
    figures = contestant.run()
    took = max(time.monotonic() - began, 0.01)
    foreign = ((_busy() - busy) - (_own() - own)) / _TICKS / took
    return figures | {FOREIGN: max(foreign, 0.0)}


def _busy() -> int:
    """Ticks that all cores together have worked since the machine started."""
    user, nice, system, _idle, _wait, irq, soft, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return user + nice + system + irq + soft


def _own() -> int:
    """Ticks of this process and all that it started, also of those that have ended and were waited for."""
    parents: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents[int(path.parent.name)] = (int(words[1]), sum(map(int, words[11:15])))

    def ours(pid: int) -> bool:
        while pid in parents:
            if pid == os.getpid():
                return True
            pid = parents[pid][0]
        return False

    return sum(ticks for pid, (_, ticks) in parents.items() if ours(pid))
