"""A million lines of the vendor's script: followed, and the same script with its output to a file or a terminal.

As a program it follows one script in a process of its own: `python -m tests.bench.million PORT USER KEY HOST_KEY`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter
from prefect.settings import PREFECT_API_URL

from blocks.cluster import DataFlowCluster
from flows.core.numbers import LAST_LOG_LINES, MOST_LOG_LINES
from flows.core.script import Transcript
from flows.tasks.script import run_folder, start_and_follow
from tests.bench.meter import spent
from tests.bench.node import ARGV, Node, cluster_of
from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.rounds import Contestant, Figures, alternate

LINES, FEW = 1_000_000, 100
LINE = "[info]: step {} of the script, and what it says of that"
OURS, SHORT = "ours", "ours, a hundred lines"
FILE, TERMINAL, RECORDED = "ssh, output to a file", "ssh -tt, to a terminal", "ssh, recorded by `script`"
_LOG = "/var/log/bench"
_NOTE = (
    "What a file does not need is the terminal, without which the vendor's script could ask nothing: printing to one "
    "takes by hand as long as with us."
)
_OWN_WORDS = 10
"""Lines of our own in Prefect's log besides those of the script: what is left out and where it is, and samples."""


class Differs(Exception):
    """What is left of a script is not what it printed."""


def measured(node: Node, rounds: int) -> Outcome:
    """Its seconds on pbx01, how long after its end the run knows, memory, and what Prefect's log got."""
    by_hand: dict[str, Callable[[], object]] = {
        FILE: lambda: _ssh(node, f"{node.by_hand} > {_LOG}"),
        RECORDED: lambda: _ssh(node, f"script -qec '{node.by_hand}' {_LOG} > /dev/null < /dev/null"),
        TERMINAL: lambda: _ssh(node, node.by_hand, "-tt"),
    }
    contestants = [
        Contestant(OURS, lambda: _ours(node, LINES)),
        *(Contestant(name, lambda way=way: _by_hand(node, way)) for name, way in by_hand.items()),  # type: ignore[misc]
        Contestant(SHORT, lambda: _ours(node, FEW)),
    ]
    frame = alternate(contestants, rounds, 0)
    outcome = Outcome("follow-million", "A script that prints 1,000,000 lines", frame, notes=(_NOTE,))
    lines, most = outcome.median(OURS, "log_lines"), MOST_LOG_LINES + LAST_LOG_LINES + _OWN_WORDS
    more = outcome.median(OURS, "peak_mib") - outcome.median(SHORT, "peak_mib")
    return with_marks(
        outcome,
        Mark("seconds through those with output to a file", outcome.ratio(OURS, FILE), 1.5),
        Mark("seconds through those recorded by `script`", outcome.ratio(OURS, RECORDED), 1.2),
        Mark("from the script's end until the flow has its transcript", outcome.median(OURS, "known_after"), 2, "s"),
        Mark("memory beyond that for a hundred lines", more, 16, "MiB"),
        Mark("lines in Prefect's log", lines, most),
    )


def _script(lines: int) -> str:
    return f'for ((i = 1; i <= {lines}; i++)); do echo "{LINE.format("$i")}"; done\n'


def _ssh(node: Node, command: str, *options: str) -> None:
    subprocess.run([*node.ssh(*options), command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def _by_hand(node: Node, way: Callable[[], object]) -> Figures:
    node.let_print(_script(LINES))
    began = time.perf_counter()
    way()
    return {"seconds": time.perf_counter() - began}


def _ours(node: Node, lines: int) -> Figures:
    node.let_print(_script(lines))
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value() or ""}
    used, said = spent([sys.executable, "-m", "tests.bench.million", *node.address], environment)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    _check(node, told, lines)
    only = LogFilter.model_validate({"flow_run_id": {"any_": [told["run"]]}})
    found = 0
    with get_client(sync_client=True) as client:
        while page := client.read_logs(only, limit=200, offset=found):
            found += len(page)
    return {
        "seconds": told["ended"] - told["started"],
        "known_after": told["known"] - told["ended"],
        "peak_mib": used["peak_mib"],
        "log_lines": found,
    }


def _check(node: Node, told: dict[str, Any], lines: int) -> None:
    """Raises `Differs` unless the transcript on pbx01 is what the script printed, to the last byte."""
    printed = hashlib.sha256()
    for number in range(1, lines + 1):
        printed.update(f"{LINE.format(number)}\n".encode())
    with node.host.path(f"{told['folder']}/log").open("rb") as file:
        kept = hashlib.file_digest(file, "sha256")
    if (told["count"], kept.hexdigest()) != (lines, printed.hexdigest()):
        raise Differs(f"{told['folder']}/log is not what the script printed: {told['count']} lines")


@flow(name="follow-a-script")
def follow_script(cluster: DataFlowCluster, folder: str) -> tuple[Transcript, float]:
    """Start and follow it as a change does; also when it was known, before Prefect ends the run."""
    return start_and_follow(cluster, folder, ARGV), time.time()


def main(port: str, user: str, key: str, host_key: str) -> None:
    """Follow one script and print what came of it as JSON."""
    folder = run_folder(f"bench-{time.time_ns()}")
    state = follow_script(cluster_of(port, user, key, host_key), folder, return_state=True)
    transcript, known = state.result()
    told = {"run": str(state.state_details.flow_run_id), "folder": folder, "count": transcript.count}
    print(json.dumps({**told, "started": transcript.started, "ended": transcript.ended, "known": known}))


if __name__ == "__main__":
    main(*sys.argv[1:])
