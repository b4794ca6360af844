"""Runs the program of its words and writes what it took to the file that comes first: `launch.py FIGURES PROGRAM …`.

It stands between because a process starts with its parent's memory as its own peak, and this one's is small; so it
knows the standard library only and is run alone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(figures: str, *argv: str) -> int:
    """Run it to its end; the exit code is the program's."""
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ)
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - began
    found = {"seconds": took, "cpu_seconds": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}
    Path(figures).write_text(json.dumps(found))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
