"""The step that takes the service: the vendor's script, started once and followed to its end."""

from __future__ import annotations

import time
from dataclasses import replace

from prefect import task

from blocks.cluster import DataFlowCluster
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.script import Transcript, failure
from flows.core.words import duration
from flows.errors import ScriptFailed
from flows.tasks.change_lock import mark
from flows.tasks.clickhouse_log import and_why
from flows.tasks.left_behind import transcript_of
from flows.tasks.policy import LOOK, told
from flows.tasks.script import run_folder, start_and_follow


@task(name="run-script", task_run_name="{step}", **LOOK)
def run_script(
    cluster: DataFlowCluster, lock: ChangeLock, folder: str, argv: list[str], step: str = "script"
) -> Told[Transcript]:
    """Run the vendor's script as the step of this name, or attach to the one that this change started before.

    Raises `ScriptFailed`, `ScriptStillRunning`, `ChangeLocked`.
    """
    return told(*_to_its_end(cluster, lock, folder, argv, step))


@task(name="recreate", task_run_name="recreate", **LOOK)
def recreate(
    cluster: DataFlowCluster, lock: ChangeLock, folder: str, argv: list[str], needed: bool
) -> Told[Transcript | None]:
    """Run the vendor's script in a run folder of its own, or attach to the one that this change started before.

    When nothing has to run it yields what this change's script left that ended while nobody followed it, or `None`.
    Raises `ScriptFailed`, `ScriptStillRunning`, `ChangeLocked`.
    """
    if not needed and not lock.runs:
        if (transcript := transcript_of(cluster, lock)) is None:
            return told(Outcome("recreate", False, "the service runs with the wanted images"), None)
        since = f"; the script of this change has ended meanwhile, exit code {transcript.exit_code}"
        transcript = replace(transcript, verb=argv[2])
        return told(Outcome("recreate", False, f"the service runs with the wanted images{since}"), transcript)
    return told(*_to_its_end(cluster, lock, folder, argv, "recreate"))


def _to_its_end(
    cluster: DataFlowCluster, lock: ChangeLock, folder: str, argv: list[str], step: str
) -> tuple[Outcome, Transcript]:
    if lock.runs:
        folder = lock.script
    with cluster.control.get_client(name="pbx01") as ssh:
        mark(ssh, replace(lock, script=folder), "script")
    transcript = start_and_follow(cluster, run_folder(folder), argv)
    if why := failure(transcript):
        why += and_why(cluster, time.time() - transcript.started)
        answer = f"{why}. Last lines: " + " / ".join(transcript.lines[-3:])
        hint = f"The whole transcript is {transcript.folder}/log on pbx01. Settle the cause, then press Retry."
        failed = ScriptFailed("pbx01", " ".join(argv), answer, hint)
        failed.transcript = transcript
        raise failed
    took = duration((transcript.ended or transcript.started) - transcript.started)
    message = f"dataflow.sh {transcript.verb} ended with exit code 0 after {took}, {transcript.count:,} lines"
    return Outcome(step, True, message), transcript
