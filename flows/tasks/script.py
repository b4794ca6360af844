"""Starts the vendor's script detached on the control node, or attaches to it, and follows it to its end (P1)."""

from __future__ import annotations

import json
import time
from importlib.resources import files
from typing import Any

from prefect import get_run_logger

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.numbers import (
    FOLLOW_ANSWER,
    FOLLOW_RECONNECT,
    FOLLOW_WAIT,
    MOST_LOG_LINES,
    PROMPT_AFTER,
    STATE_FOLDER,
)
from flows.core.redact import PATTERNS, redact
from flows.core.script import Transcript
from flows.errors import ChangeLocked, ScriptFailed, ScriptStillRunning, Unreachable
from flows.tasks.secrets import secrets_of

JOB = f"{STATE_FOLDER}/job.py"


def run_folder(run_id: str) -> str:
    """Where a flow run keeps its script's state, log and exit code on the control node."""
    return f"{STATE_FOLDER}/runs/{run_id}"


def start_or_attach(ssh: SshClient, cluster: DataFlowCluster, folder: str, argv: list[str]) -> dict[str, Any]:
    """Start the script in its own session, unless this run started it before; returns the job's state.

    Raises `ChangeLocked` while a script of another run is still running.
    """
    specification = {
        "env": {"DEBIAN_FRONTEND": "noninteractive", "TERM": "xterm"},
        "patterns": PATTERNS,
        "secrets": secrets_of(cluster),
        "prompt_after": PROMPT_AFTER,
    }
    _place_job(ssh)
    answer = ssh.run(
        ["python3", JOB, "start", folder, cluster.script_folder, *argv], stdin=json.dumps(specification)
    ).stdout
    state: dict[str, Any] = json.loads(answer)
    if state["state"] == "busy":
        hint = f"Wait for it to end; its log is {state.get('folder')}/log. Nothing was started."
        raise ChangeLocked(ssh.where, "starting the script", f"another one runs, pid {state.get('script_pid')}", hint)
    return state


def script_runs(ssh: SshClient, run_id: str) -> bool:
    """Whether the script that a run started before still runs; `run_id` is "" where none was started."""
    return bool(run_id) and job_state(ssh, run_id)["state"] in ("running", "waiting-for-input")


def job_state(ssh: SshClient, run_id: str) -> dict[str, Any]:
    """What became of a script: `state` is running, waiting-for-input, finished, died (no exit code) or absent."""
    _place_job(ssh)
    answer = ssh.run(["python3", JOB, "follow", run_folder(run_id), "0", "0"]).stdout
    state: dict[str, Any] = json.loads(answer)
    return state


def _place_job(ssh: SshClient) -> None:
    """Put job.py on the control node, always ours: one that runs already is not disturbed."""
    ssh.write(JOB, files("flows.remote").joinpath("job.py").read_text(), mode=0o700)


def start_and_follow(cluster: DataFlowCluster, folder: str, argv: list[str]) -> Transcript:
    """Start the script or attach to it, and read its log to the end; a link that breaks or freezes is opened anew.

    Raises `ChangeLocked` while a script of another run still runs, `ScriptStillRunning` when our waiting ends before
    the script, `ScriptFailed` when its process vanished; both with what was read until then.
    """
    reader = _Reader(cluster, folder)
    try:
        return _followed(cluster, folder, argv, reader)
    except (ScriptFailed, ScriptStillRunning) as error:
        error.transcript = Transcript(argv[2], folder, tuple(reader.lines), None, reader.started, None)
        raise


def _followed(cluster: DataFlowCluster, folder: str, argv: list[str], reader: _Reader) -> Transcript:
    started = False
    while True:
        try:
            with cluster.control.get_client(name="pbx01") as ssh:
                if not started:  # asked again when the link broke in the middle: one folder is one start
                    start_or_attach(ssh, cluster, folder, argv)
                    started = True
                while (state := reader.read(ssh))["state"] != "finished":
                    reader.refuse(ssh.where, state)
            return Transcript(
                argv[2], folder, tuple(reader.lines), state["exit_code"], state["started"], state["ended"]
            )
        except Unreachable as error:
            reader.lost(error)
            time.sleep(FOLLOW_RECONNECT)


class _Reader:
    """How far one follower has read, and when it gives up."""

    def __init__(self, cluster: DataFlowCluster, folder: str) -> None:
        self.lines: list[str] = []
        self.started = time.time()
        self._cluster, self._folder, self._position = cluster, folder, 0
        self._began = self._heard = time.monotonic()
        self._secrets = secrets_of(cluster)
        self._log = get_run_logger()

    def read(self, ssh: SshClient) -> dict[str, Any]:
        """The job's state, and the lines since the last one, which go to the Prefect log; all of them once it ended."""
        state = self._ask(ssh)
        while state["text"] and state["state"] != "running":
            state = self._ask(ssh)
        return state

    def refuse(self, where: str, state: dict[str, Any]) -> None:
        """Raise when it makes no sense to wait on."""
        if state["state"] in ("died", "absent"):
            hint = f"Look at {self._folder} and at the containers on the server, then start the same change again."
            answer = "its process is gone and left no exit code (was the control node rebooted?)"
            raise ScriptFailed(where, "following the script", answer, hint)
        if state["state"] == "waiting-for-input":
            answer = f" Answer it on the control node: echo ANSWER > {self._folder}/answer."
            raise self._still_running(where, state, f"it asks: {state['prompt']!r}", answer)
        now = time.monotonic()
        if now - self._heard > self._cluster.silence_timeout:
            raise self._still_running(where, state, f"no line for {self._cluster.silence_timeout:.0f} s")
        if now - self._began > self._cluster.script_timeout:
            raise self._still_running(where, state, f"not ended after {self._cluster.script_timeout:.0f} s")

    def lost(self, error: Unreachable) -> None:
        """Say that the link is gone, and go on trying within the script's time-out."""
        self._log.warning("Lost sight of pbx01, where the script goes on by itself: %s", error)
        if time.monotonic() - self._began > self._cluster.script_timeout:
            hint = f"The script is not stopped by this; its log is {self._folder}/log there. Press Retry once the "
            hint += "control node can be reached: it attaches."
            raise ScriptStillRunning(error.where, "following the script", error.answer, hint) from error

    def _ask(self, ssh: SshClient) -> dict[str, Any]:
        argv = ["python3", JOB, "follow", self._folder, str(self._position), str(FOLLOW_WAIT)]
        state: dict[str, Any] = json.loads(ssh.run(argv, timeout=FOLLOW_WAIT + FOLLOW_ANSWER).stdout)
        self._position, self.started = state["position"], state.get("started") or self.started
        if state["text"]:
            self._heard = time.monotonic()
            self._take(state["text"])
        return state

    def _take(self, text: str) -> None:
        for line in redact(text, self._secrets).splitlines():
            self.lines.append(line)
            if len(self.lines) <= MOST_LOG_LINES:
                self._log.info("pbx01 | %s", line)
            if len(self.lines) == MOST_LOG_LINES:
                self._log.info("More lines follow; they stay in %s/log on the control node.", self._folder)

    def _still_running(self, where: str, state: dict[str, Any], why: str, answer: str = "") -> ScriptStillRunning:
        hint = (
            f"It was not stopped and the lock is kept. Look: tail -f {self._folder}/log.{answer} Press Retry to attach "
            f"again. To stop it is your decision: kill {state['script_pid']} on the control node."
        )
        return ScriptStillRunning(where, "following the script", f"pid {state['script_pid']} still runs; {why}", hint)
