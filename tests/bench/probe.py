"""How long ClickHouse is away, as seen from outside, whoever upgrades it."""

from __future__ import annotations

import threading
import time
import urllib.request
from typing import Self


class Probe:
    """Asks /ping twenty times a second; `down` are the seconds without an answer, to within a twentieth."""

    def __init__(self, port: int) -> None:
        self.down, self._over = 0.0, threading.Event()
        self._url = f"http://127.0.0.1:{port}/ping"
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.05):
            up, now = self._answers(), time.monotonic()
            self.down += 0.0 if up else now - last
            last = now

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
