"""`python -m tests.bench [--full] [--rounds N] [NAME …]`: our code and its rivals, in turn in one run, as tables.

Without `--full` the quick set is run and kept in a folder that git does not see; with it RESULTS.md is written anew.
The exit code is 1 when a mark is not met.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys
from collections.abc import Sequence

from tests import conftest  # noqa: F401 - first of all: a Prefect home of its own
from tests.bench import write

BENCHMARKS = ("facts", "health", "downtime", "snapshot", "follow")
"""Each is a module `bench_<name>` with `outcomes(full, rounds)`, which yields its tables as they are found."""


def main() -> int:
    """Read the words and run what they ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="everything, and write RESULTS.md")
    parser.add_argument("--rounds", type=int, help="how often each contestant does the job")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server of a benchmark stays when it is ended
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    names = options.names or BENCHMARKS
    if len(names) > 1:
        words = [*(["--full"] if options.full else []), *(["--rounds", str(options.rounds)] if options.rounds else [])]
        return max([apart([*words, name]) for name in names])
    return 0 if run(names[0], options.full, options.rounds) else 1


def apart(words: Sequence[str]) -> int:
    """Run one in a process of its own: a thread that one leaves behind would count as work of the next."""
    with subprocess.Popen([sys.executable, "-m", "tests.bench", *words]) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


def run(name: str, full: bool, rounds: int | None) -> bool:
    """Run one benchmark, show and keep what it found; whether every mark is met."""
    print(f"# {name}", flush=True)
    found = []
    for outcome in importlib.import_module(f"tests.bench.bench_{name}").outcomes(full, rounds):
        write.show(outcome)
        found.append(outcome)
    write.keep(name, found, write.HERE if full else write.QUICK)
    return all(mark.met for outcome in found for mark in outcome.marks)


if __name__ == "__main__":
    sys.exit(main())
