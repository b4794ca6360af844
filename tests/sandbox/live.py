"""What the live writer of a world was promised, counted by the sandbox itself."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

COUNT = """SELECT toUInt64(substring(call_id, 6)) AS number, count() FROM cdr
WHERE startsWith(call_id, 'live-') GROUP BY number FORMAT TSV"""


def ask(port: int, password: str, sql: str) -> str:
    """The answer of ClickHouse on this port of loopback, with nothing of ours in between."""
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": password}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/?wait_end_of_query=1", sql.encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return str(answer.read().decode().strip())


class Ledger:
    """The numbers of the records whose insert ClickHouse acknowledged, in the order of the answers."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def acknowledged(self) -> list[int]:
        """All of them until now."""
        lines = self.file.read_text().split("\n") if self.file.exists() else [""]
        return [int(line) for line in lines[:-1]]  # behind the last line end may stand half a line

    def wait_for_more(self, more: int, seconds: float) -> int:
        """Wait until so many more are acknowledged; how many there are then."""
        wanted, deadline = len(self.acknowledged()) + more, time.monotonic() + seconds
        while (there := len(self.acknowledged())) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted - there} of {more} more call records were not acknowledged in {seconds} s")
            time.sleep(0.02)
        return there

    def missing(self, ask: Callable[[str], str]) -> dict[int, int]:
        """The acknowledged numbers that are not there exactly once, and how often they are there."""
        promised = self.acknowledged()  # read first: what is acknowledged meanwhile is not asked for
        rows = (line.split("\t") for line in ask(COUNT).splitlines())
        there = {int(number): int(count) for number, count in rows}
        return {number: there.get(number, 0) for number in promised if there.get(number, 0) != 1}
