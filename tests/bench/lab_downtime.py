"""How long ClickHouse is away in an upgrade of real servers, 24.8 to 25.8: the vendor's script by hand, and our flow.

`python -m tests.bench.lab_downtime [ROUNDS]`, as root: in the lab (`tests/engine`), in turn, with the new images in the
registry only. By hand the script stops the service and pulls them then; the flow pulls first. One probe from outside
measures both; "takes" is the whole of it, until the script or the flow has ended.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from tests import conftest  # noqa: F401 - first of all: a Prefect home of its own
from tests.bench.added_downtime import Probe, by_flow, by_hand
from tests.engine.engine import missing
from tests.engine.lab import Lab
from tests.engine.shared import Shared
from tests.sandbox.world import World

ROWS = 20_000
KINDS: dict[str, Callable[[World], None]] = {"script by hand": by_hand, "upgrade-data-flow": by_flow}


class Measured(NamedTuple):
    """Seconds of one upgrade."""

    down: float
    takes: float


def measured(upgrade: Callable[[World], None]) -> Measured:
    """Upgrade a server that takes calls, and look for every acknowledged one."""
    with Lab(installed="24.8", history_rows=ROWS, live_calls=True, live_rate=5) as lab:
        lab.wait_for_calls(5)
        began = time.monotonic()
        with Probe(lab.clickhouse_port) as probe:
            upgrade(lab)
            took = time.monotonic() - began
            lab.wait_for_calls(5)
        if not lab.ask("SELECT version()").startswith("25.8"):
            raise SystemExit("ClickHouse is not the new one")
        if missing_records := lab.missing_records():
            raise SystemExit(f"{len(missing_records)} acknowledged calls are missing")
    return Measured(probe.down, took)


def table(found: dict[str, list[Measured]]) -> str:
    """Medians and spread of both ways."""
    lines = [
        "| 24.8 to 25.8 | ClickHouse away: median | from, to | takes: median | from, to |",
        "|---|---|---|---|---|",
    ]
    for name, times in found.items():
        cells = []
        for seconds in ([one.down for one in times], [one.takes for one in times]):
            cells += [f"{statistics.median(seconds):.1f} s", f"{min(seconds):.1f} s, {max(seconds):.1f} s"]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def main(rounds: int) -> None:
    """Measure in turn, each kind first in every other round, and print the table."""
    from prefect.testing.utilities import prefect_test_harness

    if lacking := missing():
        raise SystemExit(lacking)
    found: dict[str, list[Measured]] = {name: [] for name in KINDS}
    with Shared(), prefect_test_harness(server_startup_timeout=120):
        for number in range(rounds):
            for name in list(KINDS)[:: -1 if number % 2 else 1]:
                now = measured(KINDS[name])
                found[name].append(now)
                print(f"round {number + 1}: {name:<18} away {now.down:6.2f} s, takes {now.takes:6.1f} s", flush=True)
    print(table(found))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
