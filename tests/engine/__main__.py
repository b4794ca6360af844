"""`python -m tests.engine`: the lab, its addresses, and blocks for it; stays until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time

from tests.engine.engine import missing
from tests.sandbox.__main__ import save_blocks
from tests.sandbox.clickhouse import WHEELS


def main() -> int:
    """Start the lab, tell what it is, save the blocks, wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine", description=__doc__)
    parser.add_argument("--variant", choices=("22.3", "22.8"), default="22.8", help="shape of the vendor's script")
    parser.add_argument(
        "--installed", choices=sorted(WHEELS), default="", help="installed long ago, with this ClickHouse"
    )
    parser.add_argument("--live-calls", action="store_true", help="Data Flow inserts new call records all the time")
    parser.add_argument("--bare", action="store_true", help="the server has no Docker yet")
    options = parser.parse_args()
    if lacking := missing():
        print(lacking)
        return 2
    from tests.engine.lab import Lab

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    print("The first start makes the images (about five minutes), later ones take seconds.", flush=True)
    words = {"variant": options.variant, "installed": options.installed, "live_calls": options.live_calls}
    with Lab(**words, docker_installed=not options.bare) as lab:
        print(lab.description())
        print(f"Up after {time.monotonic() - began:.1f} s.", flush=True)
        print(save_blocks(lab, "lab"), flush=True)
        print("Ctrl-C ends it and leaves nothing behind.", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
