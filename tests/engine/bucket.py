"""A line of limited speed: whoever sends over it takes what he sends out of one bucket first."""

from __future__ import annotations

import threading
import time

_SAVED_UP = 0.1


class Bucket:
    """Lets so many bytes a second through, for all who take from it together; `rate` 0 lets everything through."""

    def __init__(self, rate: float = 0) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._guard = threading.Lock()

    def take(self, count: int) -> None:
        """Wait until so many bytes may go; those of a tenth of a second may go at once."""
        if not self._rate:
            return
        with self._guard:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _SAVED_UP) + count / self._rate
            wait = self._free_at - now
        if wait > 0:
            time.sleep(wait)
