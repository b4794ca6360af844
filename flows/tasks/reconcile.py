"""What reconciling looks at and changes on the control node: the lock, the change's folder, the record of unlocks."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import ChangeLock, Holder, Order, Outcome, Told
from flows.core.change_state import ChangeState, Phase
from flows.core.numbers import STATE_FOLDER
from flows.core.reconcile import Standing
from flows.core.words import utc
from flows.tasks.change_lock import read_lock, replace_lock
from flows.tasks.change_state import list_states, read_state, write_state
from flows.tasks.holder import holder_of
from flows.tasks.policy import LOOK, told
from flows.tasks.rehearsal_record import under_way
from flows.tasks.script import job_state

UNLOCKS = f"{STATE_FOLDER}/unlocks.jsonl"
"""One JSON line for each lock that was broken by force or given up; only ever added to."""


@task(name="find-change", task_run_name="find-change", **LOOK)
def find_change(cluster: DataFlowCluster) -> Told[Standing]:
    """Read the lock, the state of its change, what its script does, and what Prefect says of its run."""
    with cluster.control.get_client(name="pbx01") as ssh:
        rehearsal = under_way(ssh)  # before the lock, which a rehearsal holds as long as it has something there
        lock = read_lock(ssh)
        left_open = tuple(state for state in list_states(ssh) if state.phase is not Phase.CLOSED)
        if lock is None:
            said = f"nobody holds the cluster; {len(left_open) or 'no'} changes were left open"
            return told(
                Outcome("find-change", None, said),
                Standing(None, None, Holder("", None), left_open=left_open, rehearsal=rehearsal),
            )
        change = lock.change or lock.run
        standing = Standing(
            lock,
            read_state(ssh, change),
            holder_of(lock.run),
            job_state(ssh, lock.script)["state"] if lock.script else "",
            ssh.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip(),
            tuple(state for state in left_open if state.id != change),
            rehearsal,
        )
    said = f"{lock.holder}, phase {lock.phase}, Prefect: {standing.holder.state}, script: {standing.script or 'none'}"
    return told(Outcome("find-change", None, said), standing)


@task(name="claim", task_run_name="claim", **LOOK)
def claim(cluster: DataFlowCluster, held: ChangeLock, wanted: ChangeLock) -> Told[ChangeLock]:
    """Take the lock of a run that is over, for as long as it takes to settle what that run left.

    Raises `ChangeLocked` when somebody else was quicker.
    """
    ours = replace(wanted, kind=held.kind, target=held.target, script=held.script, change=held.change or held.run)
    with cluster.control.get_client(name="pbx01") as ssh:
        replace_lock(ssh, held, ours)
    return told(Outcome("claim", None, f"taken over from {held.holder}"), ours)


@task(name="unlock", task_run_name="unlock", **LOOK)
def put_back(cluster: DataFlowCluster, ours: ChangeLock, held: ChangeLock) -> Outcome:
    """Give the lock back in the name of the change that needs it still, marked unfinished."""
    with cluster.control.get_client(name="pbx01") as ssh:
        now = read_lock(ssh)
        if now is None or now.run != ours.run:
            return told(Outcome("unlock", None, "not this run's any more: left alone"))
        change = held.change or held.run
        replace_lock(ssh, now, replace(held, phase="unfinished", script=now.script, change=change))
    return told(Outcome("unlock", None, "kept and marked unfinished: only this change may go on"))


@task(name="close-change", task_run_name="close-change", **LOOK)
def close_change(cluster: DataFlowCluster, ours: ChangeLock, state: ChangeState, note: str) -> Outcome:
    """Close the change in its folder, with a note why, and give the lock back."""
    with cluster.control.get_client(name="pbx01") as ssh:
        state = read_state(ssh, state.id) or state  # what was done meanwhile is written there
        write_state(ssh, replace(state, phase=Phase.CLOSED, note=f"{state.note}; {note}".removeprefix("; ")))
        now = read_lock(ssh)
        if now is not None and now.run == ours.run:
            replace_lock(ssh, now, None)
    return told(Outcome("close-change", True, note))


@task(name="force-unlock", task_run_name="force-unlock", **LOOK)
def force_unlock(cluster: DataFlowCluster, standing: Standing, order: Order, run: str) -> Outcome:
    """Break the lock of another run: first it is written down who did it and whose lock it was, then it is broken."""
    assert standing.lock is not None
    with cluster.control.get_client(name="pbx01") as ssh:
        _record(ssh, "force_unlock", standing, order, run)
        replace_lock(ssh, standing.lock, None)
    get_run_logger().warning("The lock of %s was broken by force.", standing.lock.holder)
    return told(Outcome("force-unlock", True, f"the lock of {standing.lock.holder} is broken; noted in {UNLOCKS}"))


@task(name="abandon", task_run_name="abandon", **LOOK)
def abandon_change(cluster: DataFlowCluster, standing: Standing, state: ChangeState, order: Order, run: str) -> Outcome:
    """Close an unfinished change without touching the service; who gave it up stands in its folder and the record."""
    who = order.requested_by or "nobody named"
    note = f"abandoned {utc(time.time())} by {who}{f', ticket {order.ticket}' if order.ticket else ''} (run {run})"
    with cluster.control.get_client(name="pbx01") as ssh:
        _record(ssh, "abandon", standing, order, run)
        write_state(ssh, replace(state, phase=Phase.CLOSED, note=note))
        if standing.lock is not None and (standing.lock.change or standing.lock.run) == state.id:
            replace_lock(ssh, standing.lock, None)
    return told(Outcome("abandon", True, f"change {state.id}: {note}"))


def _record(ssh: SshClient, what: str, standing: Standing, order: Order, run: str) -> None:
    """Add one whole line to the record; a link that is cut in the middle adds none."""
    said: dict[str, Any] = {
        "when": utc(time.time()),
        "what": what,
        "who": order.requested_by,
        "ticket": order.ticket,
        "run": run,
        "script_runs": standing.script_runs,
        "holder_is": standing.holder.state,
        "lock": standing.lock.as_dict() if standing.lock else None,
    }
    line = json.dumps(said, ensure_ascii=False) + "\n"
    whole = f'[ "$(wc -c < "$t")" = {len(line.encode())} ] && cat "$t" >> {UNLOCKS}; code=$?'
    ssh.run(f'umask 077; t={UNLOCKS}.new.$$; cat > "$t" && {whole}; rm -f "$t"; exit $code', stdin=line)
