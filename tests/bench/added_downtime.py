"""How much longer ClickHouse is away in our upgrade than in the vendor's script run by hand, side by side.

`python -m tests.bench.added_downtime [ROUNDS]`: both upgrade 24.8 to 25.8 in a cluster in a box, in turn, with the
images there already and the same call records; one probe from outside measures both.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from tests import conftest  # noqa: F401 - first of all: a Prefect home of its own
from tests.sandbox import vendor
from tests.sandbox.saved_blocks import ssh_block
from tests.sandbox.world import World

ROWS = 240_000
IMAGES = ("portsip/pbx:22", "portsip/clickhouse:25.8")


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


@contextmanager
def installed() -> Iterator[World]:
    """A service with 24.8 that takes calls, both new images pulled."""
    with World(installed="24.8", history_rows=ROWS, live_calls=True) as world:
        world.wait_for_calls(20)
        with ssh_block(world.server).get_client() as ssh:
            for image in IMAGES:
                ssh.run(["docker", "pull", image])
        yield world


def by_hand(world: World) -> None:
    """What an administrator types."""
    words = f"cd {vendor.FOLDER} && /bin/bash dataflow.sh upgrade -i {IMAGES[0]} -d {IMAGES[1]}"
    with ssh_block(world.control).get_client() as ssh:
        ssh.run(words, timeout=300)


def by_flow(world: World) -> None:
    """The same by upgrade-data-flow."""
    from flows.upgrade import upgrade_data_flow
    from tests.flows.story_support import block_of

    state = upgrade_data_flow(block_of(world), "a benchmark", dry_run=False, return_state=True)
    if not state.is_completed():
        raise SystemExit(f"the upgrade failed: {state.message}")


def measured(upgrade: Callable[[World], None]) -> float:
    """Seconds that ClickHouse was away in one upgrade."""
    with installed() as world, Probe(world.clickhouse_port) as probe:
        upgrade(world)
        missing = world.missing_records()
        if missing:
            raise SystemExit(f"{len(missing)} acknowledged calls are missing")
    return probe.down


def main(rounds: int) -> None:
    """Measure in turn and print both medians and the difference."""
    from prefect.testing.utilities import prefect_test_harness

    found: dict[str, list[float]] = {"script by hand": [], "upgrade-data-flow": []}
    with prefect_test_harness(server_startup_timeout=120):
        for number in range(rounds):
            for name, upgrade in (("script by hand", by_hand), ("upgrade-data-flow", by_flow)):
                found[name].append(measured(upgrade))
                print(f"round {number + 1}: {name:<18} {found[name][-1]:6.2f} s", flush=True)
    hand, flow = (statistics.median(times) for times in found.values())
    for name, times in found.items():
        print(f"{name:<18} median {statistics.median(times):6.2f} s, from {min(times):.2f} to {max(times):.2f} s")
    print(f"{'added':<18}        {flow - hand:6.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
