"""What a rehearsal costs a server that works: `python -m tests.bench.rehearsal_cost [ROWS] [ROUNDS] [--lab]`.

A writer inserts into ClickHouse 24.8 as fast as it can, beside ROWS call records. Times with and without a rehearsal
of 25.8 take turns; each rehearsal is compared with the quiet times before and after it. Wanted: the writer loses
nothing and is slowed by at most 10 %.

In the cluster in a box all of it shares the cores; what is on the server in reality has a higher priority than the rest
of this machine (as root), the new engine the least of the server's. With `--lab` the server has real parts, on which
Docker's CPU weights hold, and goes first: the worker, Prefect and the other hosts only get the time that it leaves, as
they are other machines in reality. The new image is on the server before anything is measured.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import re
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from tests import conftest  # noqa: F401 - first of all: a Prefect home of its own
from tests.bench.pace import Pace
from tests.sandbox.saved_blocks import ssh_block
from tests.sandbox.vendor import VARIANTS
from tests.sandbox.world import World

CHUNK, BLOCK, QUIET, SERVER_FIRST = 1_000_000, 50_000, 20.0, 5
NEW = "portsip/clickhouse:25.8"
MAKE = """CREATE TABLE {name} (call_id String, tenant LowCardinality(String), caller String,
started_at DateTime('UTC'), talk_seconds UInt32, cost Decimal(12, 4))
ENGINE = MergeTree PARTITION BY toYYYYMM(started_at) ORDER BY (tenant, started_at)"""
PARTS = """SELECT count(), formatReadableSize(sum(bytes_on_disk)) FROM system.parts
WHERE table = 'history' AND active"""
FILL = """INSERT INTO history SELECT concat('c-', toString(number)), concat('tenant-', toString(number % 20)),
toString(cityHash64(number)), toDateTime('2025-01-01 00:00:00', 'UTC') + number % 31536000, number % 600, number % 97
FROM numbers({first}, {rows})"""
Spent = Callable[[], tuple[float, ...]]
"""CPU seconds so far, of what a rehearsal adds: the new engine, and the programs of the host."""
COLUMNS = ("time to make the copy", "time until every table was loaded", "disk", "memory")


def write(port: int, password: str, written: Synchronized[int], inside: int = 0) -> None:
    """Insert blocks over one connection, one after another; counts the rows that were acknowledged.

    `inside` is a process of the lab's Data Flow container, as whose neighbour the writer works; 0: in the box.
    """
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    if inside:
        from tests.bench.cores import join
        from tests.engine.namespaces import within

        join(inside)
        line.sock = within(inside, lambda: socket.create_connection(("127.0.0.1", port), timeout=60))
    else:
        with suppress(PermissionError):
            os.nice(-SERVER_FIRST)
    rows = "".join(f"w-{n}\ttenant-{n % 20}\t{n}\t{1767225600 + n}\t{n % 600}\t1.5\n" for n in range(BLOCK)).encode()
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": password}
    while True:
        line.request("POST", "/?query=INSERT%20INTO%20live%20FORMAT%20TSV", rows, headers)
        answer = line.getresponse()
        if answer.read() or answer.status != 200:
            raise SystemExit(f"an insert was refused: HTTP {answer.status}")
        written.value += BLOCK


@contextmanager
def writing(world: World, inside: int) -> Iterator[Synchronized[int]]:
    """A writer in a process of its own."""
    start = multiprocessing.get_context("spawn")
    written: Synchronized[int] = start.Value("q", 0)
    password = re.findall(r"password=(\S+)", world.server.path("/var/lib/portsip/dataflow/system.ini").read_text())[0]
    port = 8123 if inside else world.clickhouse_port
    process = start.Process(target=write, args=(port, password, written, inside), daemon=True)
    process.start()
    try:
        while not written.value:
            time.sleep(0.05)
        yield written
    finally:
        process.kill()
        process.join()


def rehearse(world: World) -> dict[str, str]:
    """One rehearsal; what its report says of its cost."""
    from flows.rehearse import rehearse_upgrade_data_flow
    from tests.flows.conftest import read_run
    from tests.flows.story_support import block_of

    words: dict[str, Any] = {"lowered": ["rehearsal.server-busy"], "return_state": True}
    run = read_run(rehearse_upgrade_data_flow(block_of(world), "a benchmark", **words))
    if run.ended != "COMPLETED":
        raise SystemExit(f"the rehearsal failed: {run.message}")
    cells = (line.split("|") for line in run.report.splitlines() if line.startswith("| "))
    return {cell[1].strip(): cell[2].strip() for cell in cells if cell[1].strip() in COLUMNS}


def measure(world: World, rounds: int, inside: int, spent: Spent) -> None:
    """Quiet times and rehearsals in turn, one line each."""
    slowed = []
    with writing(world, inside) as written, Pace(written) as pace:
        time.sleep(10)  # until the writer's first merges are at work
        for number in range(rounds):
            start = time.monotonic()
            time.sleep(QUIET)
            began, before = time.monotonic(), spent()
            said = rehearse(world)
            ended, after = time.monotonic(), spent()
            time.sleep(QUIET)
            quiet = [(start, began), (ended, time.monotonic())]
            usual, rate = statistics.mean(pace.rate(*each) for each in quiet), pace.rate(began, ended)
            slowest = min(pace.slowest(*each) for each in quiet), pace.slowest(began, ended)
            slowed.append(100 * (1 - rate / usual))
            cells = [f"{ended - began:.1f} s", *(said.get(name, "?") for name in COLUMNS)]
            cells += [f"{each:,.0f}" for each in (usual, rate, *slowest)]
            cells += [f"{slowed[-1]:.1f} %", *(f"{b - a:.1f} s" for a, b in zip(before, after, strict=True))]
            print(row(str(number + 1), *cells), flush=True)
    there = int(world.ask("SELECT count() FROM live"))
    # Its last insert was cut off, and may have arrived without an answer.
    lost = max(0, written.value - there)
    print(f"slowed by {statistics.median(slowed):.1f} % (median), from {min(slowed):.1f} to {max(slowed):.1f} %")
    print(f"acknowledged {written.value:,} rows, found {there:,}: {lost:,} lost")


def row(*cells: str) -> str:
    """One line of the table."""
    return "  ".join(f"{cell:>9}" for cell in cells)


@contextmanager
def in_the_box() -> Iterator[tuple[World, int, Spent]]:
    """The server among the processes of this machine."""
    with suppress(PermissionError):
        os.nice(-SERVER_FIRST)
    with World(installed="24.8", history_rows=20_000) as world:
        os.nice(SERVER_FIRST)  # from here on: what is the worker's; the writer starts at the server's again
        yield world, 0, tuple


@contextmanager
def in_the_lab() -> Iterator[tuple[World, int, Spent]]:
    """The server before all others, and a process of its Data Flow container."""
    from tests.bench.cores import process_of, server_first, spent
    from tests.engine.lab import Lab

    with Lab(installed="24.8", history_rows=20_000) as lab, server_first(lab):
        with ssh_block(lab.server).get_client() as ssh:
            ssh.run(["docker", "pull", NEW], timeout=600)
        yield lab, process_of(lab, VARIANTS[lab.variant].writer), lambda: spent(lab)


def main(rows: int, rounds: int, lab: bool) -> None:
    """Fill the table, then measure."""
    with (in_the_lab if lab else in_the_box)() as (world, inside, spent):
        for name in ("history", "live"):
            world.ask(MAKE.format(name=name))
        for first in range(0, rows, CHUNK):
            world.ask(FILL.format(first=first, rows=min(CHUNK, rows - first)))
        parts, size = world.ask(PARTS).split("\t")
        print(f"{rows:,} rows in {parts} parts, {size}, on {os.cpu_count()} CPUs")
        words = (
            "round",
            "whole",
            "copy",
            "loaded",
            "disk",
            "memory",
            "rows/s",
            "with it",
            "slowest",
            "with it",
            "slowed",
        )
        print(row(*words, *(("engine", "host") if lab else ())))
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            measure(world, rounds, inside, spent)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rehearsal_cost")
    parser.add_argument("rows", type=int, nargs="?", default=10_000_000)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--lab", action="store_true", help="on real parts, the server before all others")
    asked = parser.parse_args()
    main(asked.rows, asked.rounds, asked.lab)
