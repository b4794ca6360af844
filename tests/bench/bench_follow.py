"""Following the vendor's script: how soon a line is seen, what that costs, and a script that prints a million lines.

Beside plain `ssh`, whose script dies with its link, and a loop that asks once a second, both with a real sshd. Ours is
seen when Prefect's server has stored it, where the page of the run reads it; theirs when they have printed it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter
from prefect.settings import PREFECT_LOGGING_TO_API_BATCH_INTERVAL, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from flows.tasks.script import run_folder
from tests.bench import million
from tests.bench.machine import ROOT
from tests.bench.node import Node, control_node
from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.rounds import Contestant, Figures, alternate
from tests.sandbox import vendor

OURS, SSH, LOOP = "ours, into Prefect's log", "ssh with the script in it", "ssh in a loop, once a second"
SETTLED = 4.0
"""Seconds after the start from which the cost is measured: the signing in is none of following."""
_PRINTED = re.compile(r"printed (\d+\.\d+)")
_NOTES = (
    "CPU is per cent of one core while following; on pbx01 it is that of sshd and of what we or they run there, "
    "without the script. With plain ssh the script dies when the link breaks; the loop starts it detached, as ours is.",
    "What the worker needs is for the most part Prefect's, a record for each line and a request each second, then "
    "paramiko's, which looks ten times a second; the stand-ins of this benchmark work in the same process, "
    "as the row of plain ssh shows.",
)


class Seen(NamedTuple):
    """When a line was printed, and when it was seen: seconds since 1970."""

    printed: float
    arrived: float


def outcomes(full: bool, rounds: int | None) -> Iterator[Outcome]:
    """A talking script, a silent one, and one that prints a million lines."""
    count, seconds = rounds or (2 if full else 1), 30 if full else 12
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["definitions"]["on-premises"]["job_variables"]["env"]
    interval = float(deployed[PREFECT_LOGGING_TO_API_BATCH_INTERVAL.name])
    with (
        tempfile.TemporaryDirectory(prefix="bench-follow-") as folder,
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_LOGGING_TO_API_BATCH_INTERVAL: interval}),
        control_node(Path(folder)) as node,
    ):
        yield _talking(node, count, seconds)
        yield _silent(node, count, seconds)
        yield million.measured(node, count)


def _talking(node: Node, rounds: int, seconds: int) -> Outcome:
    node.let_print(f"for i in {{1..{seconds + 8}}}; do echo printed $EPOCHREALTIME; sleep 1; done; echo ended\n")
    frame = alternate(_contestants(node, seconds), rounds, warmup=0)
    outcome = Outcome("follow-lines", "A script that prints a line each second", frame, notes=_NOTES)
    return with_marks(
        outcome,
        Mark("until a line is stored by Prefect, the longest", outcome.median(OURS, "longest"), 2, "s"),
        Mark("of a core while following", outcome.median(OURS, "cpu_percent"), 1, "%"),
        Mark("of a core on pbx01", outcome.median(OURS, "pbx01_cpu_percent"), 1, "%"),
    )


def _silent(node: Node, rounds: int, seconds: int) -> Outcome:
    node.let_print(f"echo printed $EPOCHREALTIME; sleep {seconds + 8}; echo ended\n")
    frame = alternate(_contestants(node, seconds), rounds, warmup=0)
    frame = frame[~frame["figure"].isin(["seconds", "longest"])]
    outcome = Outcome("follow-silence", "A script that says nothing for a while", frame)
    return with_marks(
        outcome,
        Mark("of a core while following", outcome.median(OURS, "cpu_percent"), 1, "%"),
        Mark("of a core on pbx01", outcome.median(OURS, "pbx01_cpu_percent"), 1, "%"),
    )


def _contestants(node: Node, seconds: int) -> list[Contestant]:
    ways: dict[str, Callable[[Node], Sequence[Seen]]] = {OURS: by_us, SSH: by_ssh, LOOP: by_loop}
    return [Contestant(name, lambda way=way: _followed(node, seconds, way)) for name, way in ways.items()]  # type: ignore[misc]


def _followed(node: Node, seconds: int, way: Callable[[Node], Sequence[Seen]]) -> Figures:
    with node.meter(SETTLED, seconds) as used:
        seen = way(node)
    late = sorted(each.arrived - each.printed for each in seen)
    return {"seconds": late[len(late) // 2], "longest": late[-1], **used}


def by_us(node: Node) -> list[Seen]:
    """A flow run, whose log is read back from Prefect's server."""
    state = million.follow_script(node.cluster, run_folder(f"bench-{time.time_ns()}"), return_state=True)
    state.result()
    only = LogFilter.model_validate({"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}})
    with get_client(sync_client=True) as client:
        logs = client.read_logs(only, limit=200)
        while not any(log.message.endswith("ended") for log in logs):
            time.sleep(0.2)
            logs = client.read_logs(only, limit=200)
    found = [(_PRINTED.search(log.message), log.created) for log in logs]
    return [Seen(float(match[1]), created.timestamp()) for match, created in found if match and created]


def by_ssh(node: Node) -> list[Seen]:
    """The script in the session of an ssh: `ssh pbx01 bash script`."""
    words = [*node.ssh(), node.by_hand]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        return [Seen(float(match[1]), time.time()) for line in process.stdout if (match := _PRINTED.search(line))]


def by_loop(node: Node) -> list[Seen]:
    """The script detached; over one connection a loop reads what its log has more, once a second."""
    log, master = f"{vendor.FOLDER}/log", str(node.host.path("/master"))
    shared = ("-o", f"ControlPath={master}", "-o", "ControlMaster=auto", "-o", "ControlPersist=60")
    node.host.path(log).unlink(missing_ok=True)
    detached = f"setsid nohup bash -c '{node.by_hand}' > {log} 2>&1 < /dev/null &"
    subprocess.run([*node.ssh(*shared), detached], check=True, stderr=subprocess.DEVNULL)
    seen, read = [], 0
    while True:
        words = [*node.ssh(*shared), f"tail -c +{read + 1} {log}"]
        text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        seen += [Seen(float(printed), time.time()) for printed in _PRINTED.findall(text)]
        read += len(text)
        if "ended" in text:
            break
        time.sleep(1)
    subprocess.run([*node.ssh(*shared, "-O", "exit")], check=True, capture_output=True)
    return seen
