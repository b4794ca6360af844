"""Runs the vendor's script on the control node so that nothing of ours can interrupt it (promise P1).

    job.py start FOLDER CWD ARGV…  starts ARGV in CWD, or tells what is there already; settings and secrets on stdin
    job.py follow FOLDER AT WAIT   the state, and what the log has beyond byte AT; waits up to WAIT seconds for news

The script gets a session and a pseudo-terminal of its own. What it prints is redacted here, before it reaches any
file. The script lock lies beside the run folders; this process holds it and its children do not inherit it, so the
lock is free the moment the script has ended, whatever daemon it left behind. Secrets come on standard input only.
"""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, Optional

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")
LONGEST_LINE = 8192
MOST_AT_ONCE = 65536


class Log:
    """The run's log: whole lines, redacted, without terminal colours."""

    def __init__(self, path: Path, patterns: list[str], secrets: list[str]) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take what the terminal gave; lines are written as soon as they are complete."""
        *lines, self._rest = re.split(r"\r*\n|\r(?!$)", self._rest + self._decode(data))
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], ""
        for line in lines:
            self._file.write(self._clean(line) + "\n")
        self._file.flush()

    def prompt(self) -> str:
        """The unfinished last line: what the script may be asking."""
        return self._clean(self._rest).strip()

    def close(self) -> None:
        """Write what is left and close."""
        if self._rest:
            self.feed(b"\n")
        self._file.close()

    def _clean(self, line: str) -> str:
        line = ESCAPES.sub("", line)[:LONGEST_LINE]
        for secret in self._secrets:
            line = line.replace(secret, "***")
        for pattern in self._patterns:
            line = pattern.sub(r"\1***", line)
        return line


def write_state(folder: Path, **values: Any) -> None:
    """Replace the run's state file in one step."""
    new = folder / "state.json.new"
    new.write_text(json.dumps(values))
    new.replace(folder / "state.json")


def read_state(folder: Path) -> Optional[dict[str, Any]]:  # noqa: UP045 - must run on Python 3.8
    """The run's state; `None` when it was never started."""
    try:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text())
    except FileNotFoundError:
        return None
    return state


def take_lock(folder: Path, how: int = fcntl.LOCK_EX) -> Optional[int]:  # noqa: UP045
    """The script lock as a file descriptor; `None` when a running script holds it."""
    descriptor = os.open(folder.parent.parent / "script.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def start(folder: Path, cwd: str, argv: list[str]) -> dict[str, Any]:
    """Start the script unless this run already did; a script of another run is told as `busy`."""
    specification = {**json.load(sys.stdin), "cwd": cwd, "argv": argv}
    folder.mkdir(parents=True, exist_ok=True)
    # A follower looks at the lock for an instant; that must not be taken for a running script.
    for _ in range(5):
        if (lock := take_lock(folder)) is not None:
            break
        time.sleep(0.1)
    if lock is None:
        holder = json.loads((folder.parent.parent / "script.lock").read_text() or "{}")
        if holder.get("folder") != str(folder):
            return {"state": "busy", **holder}
        return {**(read_state(folder) or {}), "attached": True}
    if (state := read_state(folder)) is not None:
        os.close(lock)
        return {**settled(state), "attached": True}
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        detach(tell)
        run(folder, specification, lock, tell)
        os._exit(0)
    os.close(lock)
    os.close(tell)
    os.read(ready, 1)
    return {**(read_state(folder) or {"state": "died"}), "attached": False}


def detach(keep: int) -> None:
    """Leave the SSH session behind: own session, no terminal, no open stream of the caller."""
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def run(folder: Path, specification: dict[str, Any], lock: int, tell: int) -> None:
    """Run the script to its end under a terminal of its own, and record how it ended."""
    log = Log(folder / "log", specification["patterns"], specification["secrets"])
    script, terminal = pty.fork()
    if script == 0:
        os.chdir(specification["cwd"])
        os.execvpe(specification["argv"][0], specification["argv"], {**os.environ, **specification["env"]})
    state = {"state": "running", "pid": os.getpid(), "script_pid": script, "started": time.time()}
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"folder": str(folder), "pid": os.getpid(), "script_pid": script}).encode(), 0)
    write_state(folder, **state)
    os.write(tell, b".")
    os.close(tell)
    exit_code = watch(folder, state, log, terminal, script, specification["prompt_after"])
    log.close()
    write_state(folder, **{**state, "state": "finished", "exit_code": exit_code, "ended": time.time()})


def watch(folder: Path, state: dict[str, Any], log: Log, terminal: int, script: int, prompt_after: float) -> int:
    """Copy the terminal to the log until the script itself has ended; -N when signal N ended it."""
    heard, asking = time.monotonic(), False
    while True:
        text = read_terminal(terminal, 0.2)
        if text:
            log.feed(text)
            heard = time.monotonic()
        silent = time.monotonic() - heard > prompt_after and bool(log.prompt())
        if silent != asking:
            asking = silent
            word = "waiting-for-input" if asking else "running"
            write_state(folder, **{**state, "state": word, "prompt": log.prompt() if asking else ""})
        ended, status = os.waitpid(script, os.WNOHANG)
        if ended:
            while text := read_terminal(terminal, 0.1):
                log.feed(text)
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def read_terminal(terminal: int, wait: float) -> bytes:
    """What the terminal has within `wait` seconds; nothing when nothing came or the script closed it."""
    if not select.select([terminal], [], [], wait)[0]:
        return b""
    try:
        return os.read(terminal, MOST_AT_ONCE)
    except OSError:  # the other side is closed
        time.sleep(wait)
        return b""


def settled(state: dict[str, Any]) -> dict[str, Any]:
    """A state whose process no longer holds the lock: an unfinished one has died."""
    return state if state["state"] == "finished" else {**state, "state": "died"}


def follow(folder: Path, position: int, wait: float) -> dict[str, Any]:
    """The state, and the log's whole lines from byte `position` on, as soon as there is news."""
    deadline = time.monotonic() + wait
    while True:
        lock = take_lock(folder, fcntl.LOCK_SH)
        state = read_state(folder)
        if state is None:
            return {"state": "absent", "text": "", "position": position}
        if lock is not None:
            os.close(lock)
            state = settled(state)
        with (folder / "log").open("rb") as file:
            file.seek(position)
            text = file.read(MOST_AT_ONCE)
        text = text[: text.rfind(b"\n") + 1]
        if text or state["state"] != "running" or time.monotonic() > deadline:
            return {**state, "text": text.decode("utf-8", "replace"), "position": position + len(text)}
        time.sleep(0.1)


def main(argv: list[str]) -> None:
    """Do what the command line says and print the answer as one JSON line."""
    os.umask(0o077)
    verb, folder = argv[0], Path(argv[1])
    answer = start(folder, argv[2], argv[3:]) if verb == "start" else follow(folder, int(argv[2]), float(argv[3]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
