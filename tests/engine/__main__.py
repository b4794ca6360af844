"""`python -m tests.engine`: the lab, its addresses, and blocks for it; stays until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from tests.engine.engine import missing
from tests.sandbox.__main__ import stay
from tests.sandbox.clickhouse import WHEELS


def main() -> int:
    """Read the words and stay with the lab that they ask for."""
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

    print("The first start makes the images (about five minutes), later ones take seconds.", flush=True)
    words = {"variant": options.variant, "installed": options.installed, "live_calls": options.live_calls}
    stay(Lab(**words, docker_installed=not options.bare), "lab")
    return 0


if __name__ == "__main__":
    sys.exit(main())
