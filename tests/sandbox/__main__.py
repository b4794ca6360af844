"""`python -m tests.sandbox`: the cluster in a box, its addresses, and blocks for it; stays until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Callable, Sequence

from tests.sandbox.clickhouse import WHEELS
from tests.sandbox.world import World
from tests.sandbox.world_faults import FAULTS


def main() -> None:
    """Read the words and stay with the world that they ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    parser.add_argument("--variant", choices=("22.3", "22.8"), default="22.8", help="shape of the vendor's script")
    parser.add_argument(
        "--installed", choices=sorted(WHEELS), default="", help="installed long ago, with this ClickHouse"
    )
    parser.add_argument("--live-calls", action="store_true", help="Data Flow inserts new call records all the time")
    parser.add_argument("--fault", choices=sorted(FAULTS), action="append", default=[], help="what shall go wrong")
    options = parser.parse_args()
    world = World(variant=options.variant, installed=options.installed, live_calls=options.live_calls)
    stay(world, "sandbox", [FAULTS[fault] for fault in options.fault])


def stay(world: World, name: str, faults: Sequence[Callable[[World], None]] = ()) -> None:
    """Start the world, tell what it is, save its blocks under this name, and wait for Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    with world:
        for fault in faults:
            fault(world)
        print(world.description())
        print(f"Up after {time.monotonic() - began:.1f} s.", flush=True)
        print(_save_blocks(world, name), flush=True)
        print("Ctrl-C ends it and leaves nothing behind.", flush=True)
        stop.wait()


def _save_blocks(world: World, name: str) -> str:
    """Save the blocks under this name where a Prefect server is set, and tell what came of it."""
    from prefect.settings import PREFECT_API_URL  # takes seconds to import, while the cluster is up already

    if not PREFECT_API_URL.value():
        return "No blocks saved: no Prefect server is set (prefect config set PREFECT_API_URL=…)."
    try:
        world.save_blocks(name)
    except Exception as error:  # the cluster in a box is of use without them
        return f"No blocks saved: {PREFECT_API_URL.value()} answered {type(error).__name__}: {error}"
    return f"Saved the block data-flow-cluster/{name}, and those that it holds, on {PREFECT_API_URL.value()}"


if __name__ == "__main__":
    main()
