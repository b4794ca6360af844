"""Starts the vendor's script detached on the control node, or attaches to it, and follows it to its end (P1)."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from typing import Any

from prefect import get_run_logger

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.numbers import (
    FOLLOW_ANSWER,
    FOLLOW_RECONNECT,
    FOLLOW_WAIT,
    LAST_LOG_LINES,
    MOST_LOG_LINES,
    PROMPT_AFTER,
    STATE_FOLDER,
)
from flows.core.redact import PATTERNS, WORDS, redact
from flows.core.script import Transcript, parse_transcript, transcript_command
from flows.errors import ChangeLocked, CommandFailed, ScriptFailed, ScriptStillRunning, Unreachable
from flows.tasks.secrets import secrets_of

PROGRAMS = ("transcript.py", "job.py")
JOB = ("python3", "-B", f"{STATE_FOLDER}/job.py")  # -B: it leaves nothing but itself in the folder


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
        "words": WORDS,
        "secrets": secrets_of(cluster),
        "prompt_after": PROMPT_AFTER,
    }
    _place_job(ssh)
    answer = ssh.run([*JOB, "start", folder, cluster.script_folder, *argv], stdin=json.dumps(specification)).stdout
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
    state: dict[str, Any] = json.loads(ssh.run([*JOB, "state", run_folder(run_id)]).stdout)
    return state


def _place_job(ssh: SshClient) -> None:
    """Put job.py and its other half on the control node, always ours: one that runs already is not disturbed."""
    for name in PROGRAMS:
        ssh.write(f"{STATE_FOLDER}/{name}", files("flows.remote").joinpath(name).read_text(), mode=0o700)


def read_transcript(
    ssh: SshClient, cluster: DataFlowCluster, verb: str, folder: str, state: dict[str, Any]
) -> Transcript:
    """What the script has left until now; raises `CommandFailed` when its log is gone."""
    text = redact(ssh.run(transcript_command(f"{folder}/log")).stdout, secrets_of(cluster))
    before, reported, lines = parse_transcript(text)
    ended = (state.get("exit_code"), state["started"], state.get("ended"))
    return Transcript(verb, folder, lines, *ended, before, reported)


def start_and_follow(cluster: DataFlowCluster, folder: str, argv: list[str]) -> Transcript:
    """Start the script or attach to it, and follow its log to the end; a link that breaks or freezes is opened anew.

    Raises `ChangeLocked` while a script of another run still runs, `ScriptStillRunning` when our waiting ends before
    the script, `ScriptFailed` when its process vanished; both with the end of what was printed until then.
    """
    reader, started = _Reader(cluster, folder, argv[2]), False
    while True:
        try:
            with cluster.control.get_client(name="pbx01") as ssh:
                if not started:  # asked again when the link broke in the middle: one folder is one start
                    start_or_attach(ssh, cluster, folder, argv)
                    started = True
                for state in reader.read(ssh):
                    if problem := reader.problem(ssh.where, state):
                        with suppress(CommandFailed):  # its log is gone
                            problem.transcript = read_transcript(ssh, cluster, argv[2], folder, state)
                            reader.show_last(problem.transcript)
                        raise problem
                transcript = read_transcript(ssh, cluster, argv[2], folder, state)
                reader.show_last(transcript)
                return transcript
        except Unreachable as error:
            reader.lost(error)
            time.sleep(FOLLOW_RECONNECT)


class _Reader:
    """How far one follower has read, what it shows of it, and when it gives up."""

    def __init__(self, cluster: DataFlowCluster, folder: str, verb: str) -> None:
        self._cluster, self._folder, self._verb = cluster, folder, verb
        self._position = self._shown = 0
        self._lines: deque[str] = deque(maxlen=LAST_LOG_LINES)
        self._started = time.time()
        self._began = self._heard = time.monotonic()
        self._secrets = secrets_of(cluster)
        self._log = get_run_logger()

    def read(self, ssh: SshClient) -> Iterator[dict[str, Any]]:
        """The job's state each time there is news, until the script has ended; lines go to the Prefect log."""
        left = max(MOST_LOG_LINES - self._shown, 0)
        words = ["follow", self._folder, str(self._position), str(left), str(FOLLOW_WAIT)]
        for told in ssh.lines([*JOB, *words], timeout=FOLLOW_WAIT + FOLLOW_ANSWER):
            state: dict[str, Any] = json.loads(told)
            self._started = state.get("started", self._started)
            self._take(state.pop("text"), state.pop("position"))
            yield state

    def problem(self, where: str, state: dict[str, Any]) -> ScriptFailed | ScriptStillRunning | None:
        """Why it makes no sense to wait on, if it does not."""
        if state["state"] == "finished":
            return None
        if state["state"] in ("died", "absent"):
            hint = f"Look at {self._folder} and at the containers on the server, then start the same change again."
            answer = "its process is gone and left no exit code (was the control node rebooted?)"
            return ScriptFailed(where, "following the script", answer, hint)
        if state["state"] == "waiting-for-input":
            answer = f" Answer it on the control node: echo ANSWER > {self._folder}/answer."
            return self._still_running(where, state, f"it asks: {state['prompt']!r}", answer)
        now = time.monotonic()
        if now - self._heard > self._cluster.silence_timeout:
            return self._still_running(where, state, f"no line for {self._cluster.silence_timeout:.0f} s")
        if now - self._began > self._cluster.script_timeout:
            return self._still_running(where, state, f"not ended after {self._cluster.script_timeout:.0f} s")
        return None

    def lost(self, error: Unreachable) -> None:
        """Say that the link is gone; raises `ScriptStillRunning` once the script's time-out is over."""
        self._log.warning("Lost sight of pbx01, where the script goes on by itself: %s", error)
        if time.monotonic() - self._began > self._cluster.script_timeout:
            hint = f"The script is not stopped by this; its log is {self._folder}/log there. Press Retry once the "
            hint += "control node can be reached: it attaches."
            problem = ScriptStillRunning(error.where, "following the script", error.answer, hint)
            lines, before = tuple(self._lines), self._shown - len(self._lines)
            problem.transcript = Transcript(self._verb, self._folder, lines, None, self._started, None, before)
            raise problem from error

    def show_last(self, transcript: Transcript) -> None:
        """Show the end of a transcript that was too long to be shown whole."""
        count = transcript.count
        if count <= self._shown:
            return
        lines = transcript.lines[-min(LAST_LOG_LINES, count - self._shown) :]
        left_out = count - self._shown - len(lines)
        if left_out:
            where = f"{self._folder}/log on pbx01"
            self._log.info("%s of %s lines are left out here; all are in %s.", f"{left_out:,}", f"{count:,}", where)
        for line in lines:
            self._show(line)

    def _take(self, text: str, position: int) -> None:
        self._position = position
        if not text:
            return
        self._heard = time.monotonic()
        lines = redact(text, self._secrets).removesuffix("\n").split("\n")
        whole = self._shown < MOST_LOG_LINES
        for line in lines[: MOST_LOG_LINES - self._shown] if whole else lines:
            self._show(line)
            self._shown += whole
        if whole and self._shown == MOST_LOG_LINES:
            self._log.info("From here on only a line now and then, and the last ones; all are in %s/log.", self._folder)

    def _show(self, line: str) -> None:
        self._lines.append(line)
        self._log.info("pbx01 | %s", line)

    def _still_running(self, where: str, state: dict[str, Any], why: str, answer: str = "") -> ScriptStillRunning:
        hint = (
            f"It was not stopped and the lock is kept. Look: tail -f {self._folder}/log.{answer} Press Retry to attach "
            f"again. To stop it is your decision: kill {state['script_pid']} on the control node."
        )
        return ScriptStillRunning(where, "following the script", f"pid {state['script_pid']} still runs; {why}", hint)
