"""Runs the vendor's script on the control node so that nothing of ours can interrupt it (promise P1).

    job.py start FOLDER CWD ARGV…       starts ARGV in CWD, or tells what is there; settings and secrets on stdin
    job.py state FOLDER                 what became of it
    job.py follow FOLDER AT LINES WAIT  the state and the next LINES lines of the log beyond byte AT, as they come, to
                                        the script's end; then only the last line, once in WAIT seconds

The script gets a session and a pseudo-terminal of its own; what a person writes to FOLDER/answer is typed there.
What it prints is redacted here, before it reaches any file. The script lock lies beside the run folders; this process
holds it and its children do not inherit it, so the lock is free the moment the script has ended, whatever daemon it
left behind. Should this process be killed, the lock still names the script. Secrets come on standard input only.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Optional, Tuple  # noqa: UP035

try:
    from flows.remote.transcript import Log, read_log
except ImportError:  # on the control node they lie beside each other
    from transcript import Log, read_log  # type: ignore[import-not-found,no-redef]

PAUSE = 0.2
MOST_AT_ONCE = 65536


def write_state(folder: Path, **values: Any) -> None:
    """Replace the run's state file in one step; on a full disk the old one stays."""
    new = folder / "state.json.new"
    with suppress(OSError):
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


def began(pid: int) -> str:
    """When a process began, as the kernel counts; "" when it has ended. With its id it names one process for good."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] == "Z" else words[19]


def holder(folder: Path, lock: Optional[int]) -> dict[str, Any]:  # noqa: UP045
    """Run folder and process ids of the script that runs now; empty when none does."""
    said: dict[str, Any] = json.loads((folder.parent.parent / "script.lock").read_text() or "{}")
    # The process may have been killed, and its lock gone with it, while the script goes on.
    alive = lock is None or (said.get("began") and began(said["script_pid"]) == said["began"])
    return said if alive else {}


def start(folder: Path, cwd: str, argv: list[str]) -> dict[str, Any]:
    """Start the script unless this run already did; a script of another run is told as `busy`."""
    specification = {**json.load(sys.stdin), "cwd": cwd, "argv": argv, "umask": os.umask(0o077)}
    folder.mkdir(parents=True, exist_ok=True)
    # A follower looks at the lock for an instant; that must not be taken for a running script.
    for _ in range(5):
        if (lock := take_lock(folder)) is not None:
            break
        time.sleep(0.1)
    running, state = holder(folder, lock), read_state(folder)
    if lock is None or running:
        ours = running.get("folder") == str(folder)
        return {**(state or {}), "attached": True} if ours else {**running, "state": "busy"}
    if state is not None:
        return {**settled(state), "attached": True}
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        detach()
        run(folder, specification, lock, tell)
        os._exit(0)
    os.close(tell)
    os.read(ready, 1)
    return {**(read_state(folder) or {"state": "died"}), "attached": False}


def detach() -> None:
    """Leave the SSH session behind: own session, no terminal, no open stream of the caller."""
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the script's as well: it outlives even this process
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def run(folder: Path, specification: dict[str, Any], lock: int, tell: int) -> None:
    """Run the script to its end under a terminal of its own, and record how it ended."""
    log = Log(folder / "log", *(specification[name] for name in ("patterns", "words", "secrets")))
    os.mkfifo(folder / "answer")
    answers = os.open(folder / "answer", os.O_RDWR | os.O_NONBLOCK)  # both ways: so it has no end
    script, terminal = pty.fork()
    if script == 0:
        become(specification)
    state = {"state": "running", "pid": os.getpid(), "script_pid": script, "started": time.time()}
    write_state(folder, **state)
    said = {"folder": str(folder), **state, "began": began(script)}
    os.pwrite(lock, json.dumps(said).ljust(1000).encode(), 0)  # one write: whoever reads finds old or new
    os.write(tell, b".")
    os.close(tell)
    exit_code = watch(folder, state, log, terminal, answers, specification["prompt_after"])
    log.end()
    (folder / "answer").unlink()
    write_state(folder, **{**state, "state": "finished", "exit_code": exit_code, "ended": time.time()})


def become(specification: dict[str, Any]) -> NoReturn:
    """Turn into the script, with what a shell of the account would give it."""
    os.umask(specification["umask"])
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a shell cannot undo that
        signal.signal(number, signal.SIG_DFL)
    os.chdir(specification["cwd"])
    os.execvpe(specification["argv"][0], specification["argv"], {**os.environ, **specification["env"]})


def watch(folder: Path, state: dict[str, Any], log: Log, terminal: int, answers: int, prompt_after: float) -> int:
    """Copy the terminal to the log until the script itself has ended; -N when signal N ended it."""
    heard, looked, asking = time.monotonic(), 0.0, False
    while True:
        text, now = read_terminal(terminal, PAUSE), time.monotonic()
        if text:
            log.feed(text)
            heard = now
            if now - looked < PAUSE:  # a script that prints a lot waits for this, many thousand times a second
                continue
        looked = now
        log.flush()
        with suppress(OSError):  # nobody has answered, or nobody listens
            os.write(terminal, os.read(answers, MOST_AT_ONCE))
        silent = now - heard > prompt_after and bool(log.prompt())
        if silent != asking:
            asking = silent
            word = "waiting-for-input" if asking else "running"
            write_state(folder, **{**state, "state": word, "prompt": log.prompt() if asking else ""})
        ended, status = os.waitpid(state["script_pid"], os.WNOHANG)
        if ended:
            # What it left on the terminal; a daemon of the script may go on writing there for ever.
            until = time.monotonic() + 1
            while time.monotonic() < until and (text := read_terminal(terminal, 0.1)):
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
    """The state of a script that does not run: an unfinished one has died."""
    return state if state["state"] == "finished" else {**state, "state": "died"}


def current(folder: Path) -> dict[str, Any]:
    """The state as it is now; `absent` when the script was never started here."""
    lock = take_lock(folder, fcntl.LOCK_SH)
    state = read_state(folder)
    if lock is not None:
        os.close(lock)
    if state is None:
        return {"state": "absent"}
    return state if holder(folder, lock).get("folder") == str(folder) else settled(state)


def follow(folder: Path, position: int, lines: int, wait: float) -> None:
    """Print the state and what the log has beyond `position`, each time there is news, until the script has ended."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # it ends with whoever reads this
    said, told, text, seen = "", 0.0, "", (0, 0, 0)
    while said in ("", "running", "waiting-for-input") or text:
        now, due = stamps(folder), time.monotonic() - told > wait
        if now != seen or due or text:
            seen, state = now, current(folder)  # before the log, which is complete once the script has ended
            text, reached = read_log(folder / "log", position, whole=lines > 0)
            if state["state"] != said or due or (text and lines > 0):
                said, told, position, lines = state["state"], time.monotonic(), reached, lines - text.count("\n")
                print(json.dumps({**state, "text": text, "position": position}), flush=True)
            else:
                text = ""  # of a log that is not told whole
        time.sleep(PAUSE)


def stamps(folder: Path) -> Tuple[int, int, int]:  # noqa: UP006 - must run on Python 3.8
    """What differs once there is news of a script that was not killed; looking at it costs next to nothing."""
    try:
        state = (folder / "state.json").stat()
        return (folder / "log").stat().st_size, state.st_mtime_ns, state.st_ino
    except FileNotFoundError:
        return 0, 0, 0


if __name__ == "__main__":
    verb, folder, *rest = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    if verb == "follow":
        follow(folder, int(rest[0]), int(rest[1]), float(rest[2]))
    else:
        print(json.dumps(start(folder, rest[0], rest[1:]) if verb == "start" else current(folder)))
