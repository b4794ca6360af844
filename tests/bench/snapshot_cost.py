"""What a snapshot of ClickHouse and its comparison cost: `python -m tests.bench.snapshot_cost`.

Promised: a snapshot of 3,000 parts takes at most 1 s and a comparison 0.2 s, and 100 million rows cost no more than one
million in as many parts. Prints the medians of several tries on a real server (25.8).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from blocks.clickhouse import ClickHouseClient
from flows.core.data.compare import compare
from flows.core.data.snapshot import as_json, from_json
from flows.tasks.data import read_data
from tests.engine_support import server_on

TRIES = 7
PARTS = 250
CALM = (
    "SETTINGS max_bytes_to_merge_at_max_space_in_pool = 1, parts_to_throw_insert = 9999, parts_to_delay_insert = 9999"
)


def median(work: Callable[[], object]) -> float:
    """Milliseconds of the middle one of several tries, after one that is not counted."""
    work()
    taken = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def fill(client: ClickHouseClient, rows: int, parts: int) -> None:
    """A table of so many rows in exactly so many parts: one block of the INSERT becomes one part."""
    client.execute("DROP TABLE IF EXISTS t SYNC")
    client.execute(f"CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY tuple() {CALM}")
    block = rows // parts
    sizes = {"max_block_size": block, "min_insert_block_size_rows": block, "min_insert_block_size_bytes": 0}
    client.execute(f"INSERT INTO t SELECT number FROM numbers({rows})", max_threads=1, **sizes)


def measure(client: ClickHouseClient, rows: int, parts: int) -> str:
    """One line of the table."""
    fill(client, rows, parts)
    before = read_data(client)
    found = sum(part.active for part in before.parts)
    assert before.rows == rows, before.rows
    text = as_json(before)
    figures = [
        median(lambda: read_data(client)),
        median(lambda: compare(before, before)),
        median(lambda: compare(before, before, early=before)),
        median(lambda: as_json(before)),
        median(lambda: from_json(text)),
    ]
    return f"{rows:>12,} {found:>7,}" + "".join(f"{each:>12.1f}" for each in figures) + f"{len(text) / 1e6:>9.2f}"


def main() -> None:
    """Measure on a server of our own and print the table."""
    with tempfile.TemporaryDirectory(prefix="snapshot-cost-") as name, server_on(Path(name) / "server") as server:
        address = f"http://127.0.0.1:{server.port}"
        with httpx.Client(base_url=address, trust_env=False, timeout=300) as http:
            client = ClickHouseClient("ClickHouse", http, "default")
            print(f"ClickHouse {read_data(client).version}, medians of {TRIES} in milliseconds")
            titles = ("snapshot", "compare", "with early", "as text", "from text")
            print(f"{'rows':>12} {'parts':>7}" + "".join(f"{each:>12}" for each in titles) + f"{'MB text':>9}")
            for rows, parts in ((1_000_000, PARTS), (100_000_000, PARTS), (3_000_000, 3_000)):
                print(measure(client, rows, parts), flush=True)


if __name__ == "__main__":
    main()
