"""The part of the stand-in for Data Flow that never rests: it keeps inserting call records and counts the promises.

Each record has the next number in its id (`live-000000017`) and the tag `live`. Two files outside the service keep
the count: `tried` holds the last number that was sent, the ledger every number whose insert ClickHouse acknowledged.
A number is sent once: after a lost answer the writer goes on with the next one, so nothing is ever there twice.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

INSERT = (
    "INSERT INTO cdr (call_id, tenant, direction, caller, callee, queue, agent, started_at, ended_at, wait_seconds, \
talk_seconds, cost, tags) FORMAT JSONEachRow\n"
)
ASYNCHRONOUS = {
    "async_insert": 1,
    "wait_for_async_insert": 0,
    # Long enough that there is always something to flush, or to lose.
    "async_insert_busy_timeout_ms": 60_000,
    "async_insert_use_adaptive_busy_timeout": 0,
}


class LiveWriter:
    """Inserts call records until it is told to stop, which it does between two inserts only."""

    def __init__(self, live: dict[str, Any], ask: Callable[..., str], refused: type[Exception]) -> None:
        self._ask, self._problems = ask, (OSError, http.client.HTTPException, refused)
        self._pause, self._rows = 1 / live["rate"], live["rows"]
        self._settings = ASYNCHRONOUS if live["asynchronous"] else {}
        self._ledger = Path(live["ledger"])
        self._tried = os.open(live["ledger"] + ".tried", os.O_RDWR | os.O_CREAT, 0o600)
        self._inserting = self._stopping = False
        self._next = int(os.pread(self._tried, 20, 0) or 0) + 1

    def run(self) -> None:
        """Insert for ever."""
        signal.signal(signal.SIGTERM, self._stop)
        while True:
            self._inserting = True
            well = self._insert()
            self._inserting = False
            if self._stopping:
                leave()
            time.sleep(self._pause if well else max(self._pause, 0.1))

    def _stop(self, *_: object) -> None:
        self._stopping = True
        if not self._inserting:
            leave()

    def _insert(self) -> bool:
        numbers = range(self._next, self._next + self._rows)
        self._next = numbers.stop
        os.pwrite(self._tried, b"%020d" % numbers[-1], 0)  # in one go: a kill must not leave half a number
        try:
            self._ask(INSERT + "\n".join(json.dumps(record(number)) for number in numbers), **self._settings)
        except self._problems:
            return False  # not acknowledged: nobody may expect these records
        with self._ledger.open("a") as ledger:
            ledger.write("".join(f"{number}\n" for number in numbers))
        return True


def leave() -> None:
    """End at once, with nothing half done."""
    sys.stdout.flush()
    os._exit(0)


def record(number: int) -> dict[str, object]:
    """One call that ended just now."""
    now = int(time.time())
    return {
        "call_id": f"live-{number:09d}",
        "tenant": f"tenant-{number % 3 + 1}",
        "direction": "inbound",
        "caller": f"+49160{number:08d}",
        "callee": str(1000 + number % 200),
        "queue": f"queue-{number % 5 + 1}",
        "agent": f"agent-{number % 50 + 1}",
        "started_at": now - 60,
        "ended_at": now,
        "wait_seconds": 5,
        "talk_seconds": 55,
        "cost": "0.0550",
        "tags": ["live"],
    }
