"""A snapshot of every table and its comparison, by parts and by rows, beside counting the rows by reading them.

On real ClickHouse servers, one for each size. The tables are copies of one another by hard links: a part is a part, and
a row is read from each of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx

from blocks.clickhouse import ClickHouseClient
from flows.core.data.compare import compare
from flows.tasks.data import read_data
from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.rounds import Contestant, Figures, alternate
from tests.engine_support import server_on

TABLES = 10
COLUMNS = """started DateTime, session UInt64, caller String, called String, seconds UInt32, answered UInt8,
trunk LowCardinality(String), cost Float64"""
VALUES = """toDateTime(1700000000 + number * 3), cityHash64(number), toString(100 + number % 900),
toString(cityHash64(number) % 1000000), number % 600, number % 3 > 0,
['north', 'south'][number % 2 + 1], number % 97 / 7"""
CALM = "max_bytes_to_merge_at_max_space_in_pool = 1, parts_to_throw_insert = 99999, parts_to_delay_insert = 99999"


ASKED = 14
"""Questions of a snapshot of tables that all tell their rows; the time for as many empty ones is its least."""
FLOOR = ("seconds", "empty_questions_seconds")


class Size(NamedTuple):
    """What a server holds in all tables together."""

    parts: int
    rows: int

    def __str__(self) -> str:
        return f"{self.parts:,} parts, {self.rows // 1_000_000} million rows"


FEW = Size(300, 1_000_000)
QUICK = (FEW, Size(3_000, 1_000_000), Size(300, 10_000_000))
FULL = (FEW, Size(3_000, 1_000_000), Size(30_000, 1_000_000), Size(300, 100_000_000))


def outcomes(full: bool, rounds: int | None) -> Iterator[Outcome]:
    """One table: a line for each size."""
    sizes = FULL if full else QUICK
    with tempfile.TemporaryDirectory(prefix="bench-snapshot-") as name, ExitStack() as stack:
        contestants = []
        for number, size in enumerate(sizes):
            server = stack.enter_context(server_on(Path(name, str(number), "server")))
            http = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=300)
            client = ClickHouseClient("ClickHouse", stack.enter_context(http), "default")
            fill(client, size)
            contestants.append(Contestant(str(size), lambda client=client, size=size: measured(client, size)))  # type: ignore[misc]
        frame = alternate(contestants, rounds or 7)
    yield marked(Outcome("snapshot", "A snapshot of all tables and its comparison", frame), sizes)


def marked(outcome: Outcome, sizes: tuple[Size, ...]) -> Outcome:
    """Ten times the parts, at most ten times the time and a tenth more; rows do not matter."""
    by_parts = [size for size in sizes if size.rows == FEW.rows]
    marks = [
        Mark(f"{more.parts:,} parts through {less.parts:,}", outcome.ratio(str(more), str(less)), 11)
        for less, more in pairwise(by_parts)
    ]
    most = max(sizes, key=lambda size: size.rows)
    # Milliseconds: what else the machine does only adds to them, so the fastest rounds tell most.
    fastest = {size: float(outcome.values(str(size), "seconds").min()) for size in (most, FEW)}
    marks.append(Mark(f"{most} through {FEW}, fastest rounds", fastest[most] / fastest[FEW], 1.2))
    if most.rows < 100_000_000:
        return with_marks(outcome, *marks)
    through, floor = (outcome.median(str(most), name) / outcome.median(str(most), "count_seconds") for name in FLOOR)
    marks.append(Mark(f"through counting by reading, {most}", through, 0.1))
    note = (
        f"A snapshot asks {ASKED} questions; as many that ask nothing take {floor:.2f} of that counting by themselves."
    )
    return with_marks(replace(outcome, notes=(note,)), *marks)


def fill(client: ClickHouseClient, size: Size) -> None:
    """The first table is written, the others are made of its parts."""
    for number in range(TABLES):
        client.execute(f"CREATE TABLE t{number} ({COLUMNS}) ENGINE = MergeTree ORDER BY started SETTINGS {CALM}")
    rows, parts = size.rows // TABLES, size.parts // TABLES
    block = -(-rows // parts)  # one block of the INSERT becomes one part
    blocks = {"max_block_size": block, "min_insert_block_size_rows": block, "min_insert_block_size_bytes": 0}
    client.execute(f"INSERT INTO t0 SELECT {VALUES} FROM numbers({rows})", max_threads=1, **blocks)
    for number in range(1, TABLES):
        client.execute(f"ALTER TABLE t{number} ATTACH PARTITION ALL FROM t0")


def measured(client: ClickHouseClient, size: Size) -> Figures:
    """Both for all tables together; what the snapshot found is checked against what was written."""
    began = time.perf_counter()
    snapshot = read_data(client)
    read = time.perf_counter()
    compare(snapshot, snapshot)
    compared = time.perf_counter()
    count = " UNION ALL ".join(f"SELECT count() AS rows FROM t{number}" for number in range(TABLES))
    forced = {"optimize_trivial_count_query": 0, "optimize_use_implicit_projections": 0}
    (counted,) = client.query(f"SELECT toString(sum(rows)) AS rows FROM ({count})", **forced)
    took = time.perf_counter() - compared
    found = Size(sum(part.active for part in snapshot.parts), snapshot.rows or 0)
    if abs(found.parts - size.parts) > size.parts // 50 or not found.rows == size.rows == int(counted["rows"]):
        raise SystemExit(f"the server should hold {size}, the snapshot has {found}, counted are {counted}")
    began_empty = time.perf_counter()
    for _ in range(ASKED):
        client.query("SELECT 1 AS one")
    empty = time.perf_counter() - began_empty
    seconds = {"seconds": compared - began, "snapshot_seconds": read - began, "compare_seconds": compared - read}
    return {**seconds, "count_seconds": took, "empty_questions_seconds": empty}
