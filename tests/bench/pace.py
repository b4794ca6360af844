"""How fast a counter grows, all in all and in its slowest stretch: somebody else counts, and is not asked to wait."""

from __future__ import annotations

import threading
import time
from multiprocessing.sharedctypes import Synchronized
from typing import Self

EVERY, STRETCH = 0.25, 10.0
"""Seconds between two looks, and of a stretch."""


class Pace:
    """Looks at the counter in a thread of its own for as long as it is entered."""

    def __init__(self, counter: Synchronized[int]) -> None:
        self._counter, self._over = counter, threading.Event()
        self._seen: list[tuple[float, int]] = []
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def rate(self, began: float, ended: float) -> float:
        """How much a second came to it between two moments of the monotonic clock."""
        inside = self._between(began, ended)
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])

    def slowest(self, began: float, ended: float) -> float:
        """The same of the slowest stretch in between; of all of it, when that is shorter."""
        inside = self._between(began, ended)
        starts = [at for at, _ in inside if at + STRETCH <= inside[-1][0]] or [began]
        return min(self.rate(at, min(at + STRETCH, ended)) for at in starts)

    def _between(self, began: float, ended: float) -> list[tuple[float, int]]:
        inside = [each for each in self._seen if began <= each[0] <= ended]
        if len(inside) < 2:
            raise SystemExit("the counter was not looked at twice in that time: this machine had none to spare")
        return inside

    def _look(self) -> None:
        while True:
            self._seen.append((time.monotonic(), self._counter.value))
            if self._over.wait(EVERY):
                return
