"""The change lock on the control node (promise P7): one file, made by a hard link, so it is whole or not there."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.numbers import STATE_FOLDER
from flows.errors import ChangeLocked
from flows.tasks.policy import LOOK, told
from flows.tasks.script import script_runs

LOCK_FILE = f"{STATE_FOLDER}/change.lock"

# The account's own, nobody else's; the script that runs there is started by the account, not by root.
_PREPARE = f"mkdir -p {STATE_FOLDER}/runs && chmod 700 {STATE_FOLDER} {STATE_FOLDER}/runs && chown"
# A link that is cut in the middle ends the input early: what is not all there must not become the lock.
_ACQUIRE = (
    f"umask 077; t={LOCK_FILE}.$$; cat > $t; [ $(wc -c < $t) = %d ] && ln $t {LOCK_FILE} 2>/dev/null; c=$?; rm -f $t; "
    f"[ $c = 0 ] || cat {LOCK_FILE}"
)


def read_lock(ssh: SshClient) -> ChangeLock | None:
    """The lock as it stands; `None` when nobody holds it."""
    text = ssh.read(LOCK_FILE)
    return ChangeLock(**json.loads(text)) if text else None


@task(name="lock", task_run_name="lock", **LOOK)
def acquire_lock(cluster: DataFlowCluster, wanted: ChangeLock) -> Told[ChangeLock]:
    """Take the lock, or go on under it where it is this run's own or an unfinished change of the same target.

    Raises `ChangeLocked` with holder, since when, and how to release.
    """
    with cluster.control.get_client(name="pbx01") as ssh:
        owner = shlex.quote(f"{cluster.control.user}:")
        ssh.run(f"{_PREPARE} {owner} {STATE_FOLDER} {STATE_FOLDER}/runs", sudo=True)
        text = json.dumps(wanted.as_dict())
        answer = ssh.run(_ACQUIRE % len(text.encode()), stdin=text).stdout
        if not answer:
            return told(Outcome("lock", None, "taken"), wanted)
        held = ChangeLock(**json.loads(answer))
        if not held.may_be_taken_by(wanted.run, wanted.target):
            raise _locked(ssh.where, held, wanted.boot_id)
        if held.run != wanted.run:
            get_run_logger().info("Going on with the unfinished change of %s (%s).", held.holder, held.since)
        taken = mark(ssh, replace(wanted, script=held.script), wanted.phase)
        return told(Outcome("lock", None, f"taken over from {held.holder}, {held.phase}"), taken)


def mark(ssh: SshClient, lock: ChangeLock, phase: str) -> ChangeLock:
    """Write how far the change came into the lock."""
    marked = replace(lock, phase=phase)
    ssh.write(LOCK_FILE, json.dumps(marked.as_dict()))
    return marked


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
        ssh.run(["rm", "-f", LOCK_FILE])
        return told(Outcome("unlock", None, "given back"))


def _locked(where: str, held: ChangeLock, boot_id: str) -> ChangeLocked:
    rebooted = " (pbx01 was rebooted since)" if held.boot_id and boot_id and held.boot_id != boot_id else ""
    answer = f"{held.holder} holds it since {held.since}{rebooted}, phase {held.phase}: {held.link}"
    hint = (
        "Open that run: let it end, or press its Retry. Only if it is gone for good and no dataflow.sh runs on the "
        f"control node, release the lock there by hand: sudo rm {LOCK_FILE}"
    )
    return ChangeLocked(where, "taking the change lock of the cluster", answer, hint)
