"""The change lock on the control node (promise P7): one file, made by a hard link, so it is whole or not there."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.numbers import STATE_FOLDER
from flows.errors import ChangeLocked, CommandFailed
from flows.tasks.holder import holder_of
from flows.tasks.policy import LOOK, told
from flows.tasks.script import script_runs

LOCK_FILE = f"{STATE_FOLDER}/change.lock"

# The account's own, nobody else's; the script that runs there is started by the account, not by root.
_PREPARE = f"mkdir -p {STATE_FOLDER}/runs && chmod 700 {STATE_FOLDER} {STATE_FOLDER}/runs && chown"
# Whoever changes the lock says what it found there; under the guard nobody else comes between, so of two runs that
# take over the same unfinished change one loses. A link cut in the middle ends the input early: half a lock is none.
_OTHER = 45
_SWAP = f"""
umask 077; exec 9>{LOCK_FILE}.guard; flock -w 10 9 || exit 1; t={LOCK_FILE}.new; cat > $t
[ "$(wc -c < $t)" = "$length" ] || exit 1
found=$(if [ -e {LOCK_FILE} ]; then sha256sum < {LOCK_FILE} | cut -d' ' -f1; fi)
if [ "$found" != "$expected" ]; then if [ -e {LOCK_FILE} ]; then cat {LOCK_FILE}; fi; exit {_OTHER}; fi
if [ "$length" = 0 ]; then rm -f {LOCK_FILE} $t; else mv -f $t {LOCK_FILE}; fi
"""


def read_lock(ssh: SshClient) -> ChangeLock | None:
    """The lock as it stands; `None` when nobody holds it."""
    text = ssh.read(LOCK_FILE)
    return _parse(ssh, text) if text else None


def _parse(ssh: SshClient, text: str) -> ChangeLock:
    try:
        return ChangeLock(**json.loads(text))
    except (ValueError, TypeError) as error:
        hint = f"It was not written by this version: look at {LOCK_FILE} there, and ask whoever runs another one."
        raise ChangeLocked(ssh.where, "reading the change lock", f"unreadable ({error})", hint) from error


def _swap(ssh: SshClient, found: ChangeLock | None, new: ChangeLock | None) -> ChangeLock | None:
    """Put `new` in the place of the lock that was `found` (`None`: none); returns what stands there afterwards."""
    before, after = ("" if lock is None else json.dumps(lock.as_dict()) for lock in (found, new))
    expected = hashlib.sha256(before.encode()).hexdigest() if before else ""
    settings = f"length={len(after.encode())}; expected={expected}"
    answer = ssh.run(settings + _SWAP, stdin=after, check=False)
    if answer.exit_code == _OTHER:
        return _parse(ssh, answer.stdout) if answer.stdout else None
    if answer.exit_code != 0:
        hint = f"Look at {STATE_FOLDER} on the control node: is its disk full, or does something hold the guard?"
        raise CommandFailed(ssh.where, "writing the change lock", answer.stderr.strip(), hint, answer.exit_code)
    return new


@task(name="lock", task_run_name="lock", **LOOK)
def acquire_lock(cluster: DataFlowCluster, wanted: ChangeLock) -> Told[ChangeLock]:
    """Take the lock, or go on under it where it is this run's own or an unfinished change of the same target.

    Raises `ChangeLocked` with holder, since when, and how to release.
    """
    with cluster.control.get_client(name="pbx01") as ssh:
        owner = shlex.quote(f"{cluster.control.user}:")
        ssh.run(f"{_PREPARE} {owner} {STATE_FOLDER} {STATE_FOLDER}/runs", sudo=True)
        wanted = replace(wanted, change=wanted.change or wanted.run)
        held = _swap(ssh, None, wanted)
        if held == wanted:
            return told(Outcome("lock", None, "taken"), wanted)
        if held is None or not held.may_be_taken_by(wanted.run, wanted.target, wanted.kind):
            raise _locked(ssh.where, held or wanted, wanted.boot_id)
        if held.run != wanted.run:
            get_run_logger().info("Going on with the unfinished change of %s (%s).", held.holder, held.since)
        # Asked before the second look: a script that ends behind it must not be started again on what the look saw.
        taken = replace(wanted, script=held.script, runs=script_runs(ssh, held.script), change=held.change or held.run)
        replace_lock(ssh, held, taken)
        return told(Outcome("lock", None, f"taken over from {held.holder}, {held.phase}"), taken)


def mark(ssh: SshClient, lock: ChangeLock, phase: str) -> None:
    """Write how far the change came into the lock; raises `ChangeLocked` when it is not this run's any more."""
    held = read_lock(ssh)
    if held is None or held.run != lock.run:
        raise _locked(ssh.where, held or lock, lock.boot_id)
    replace_lock(ssh, held, replace(lock, phase=phase))


def replace_lock(ssh: SshClient, held: ChangeLock, new: ChangeLock | None) -> None:
    """Put another lock (`None`: none) in the place of this one; raises `ChangeLocked` when it changed meanwhile."""
    now = _swap(ssh, held, new)
    if now != new:
        raise _locked(ssh.where, now or held, held.boot_id)


@task(name="unlock", task_run_name="unlock", **LOOK)
def release_lock(cluster: DataFlowCluster, lock: ChangeLock, *, unfinished: bool) -> Outcome:
    """Give the lock back, or leave it marked `unfinished`; a lock that is not this run's is left alone.

    While the script of this change runs, nobody else gets the lock, whatever `unfinished` says.
    """
    with cluster.control.get_client(name="pbx01") as ssh:
        held = read_lock(ssh)
        if held is None or held.run != lock.run:
            return told(Outcome("unlock", None, "not this run's any more: left alone"))
        if unfinished or script_runs(ssh, held.script):
            mark(ssh, held, "unfinished")
            return told(Outcome("unlock", None, "kept and marked unfinished: only this change may go on"))
        replace_lock(ssh, held, None)
        return told(Outcome("unlock", None, "given back"))


def _locked(where: str, held: ChangeLock, boot_id: str) -> ChangeLocked:
    rebooted = held.boot_id and boot_id and held.boot_id != boot_id
    holder = holder_of(held.run)
    seen = (f"its run is over: {holder.state}" if holder.over else "", "pbx01 was rebooted since" if rebooted else "")
    stale = "; ".join(filter(None, seen))
    answer = f"{held.holder} holds it since {held.since}{f' ({stale})' if stale else ''}, phase {held.phase}"
    tried = "taking the change lock of the cluster"
    return ChangeLocked(where, tried, f"{answer}: {held.link}", _release(held, stale=bool(stale)))


def _release(held: ChangeLock, *, stale: bool) -> str:
    """What to do about a lock: the run itself, `reconcile`, or by force."""
    if held.phase == "unfinished":
        return (
            "It ended half way: press its Retry, order the same again, or start or roll back. reconcile-data-flow "
            f"settles it; with abandon={held.change or held.run} it gives the change up."
        )
    force = f"force_unlock={held.run}"
    if stale:
        return f"Run reconcile-data-flow: it settles what that run left. If it cannot, run it with {force}."
    return (
        "Open that run: let it end, or press its Retry. Only if it is gone for good, and no dataflow.sh runs on the "
        f"control node, run reconcile-data-flow with {force}."
    )
