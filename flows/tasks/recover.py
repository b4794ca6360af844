"""Brings the service back after a change that failed or died, by the one way that is safe now (promise P5)."""

from __future__ import annotations

import time
from dataclasses import replace

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from flows.core.change import ChangeLock, Outcome
from flows.core.change_state import ChangeState, Phase
from flows.core.data.verdict import SERVER, TableVerdict, Verdict, Word
from flows.core.installed import Service, service
from flows.core.proof import Proof
from flows.core.reconcile import state_of
from flows.core.recovery import Way, WayBack, way_back
from flows.core.redact import redact
from flows.errors import APIError, DataFlowError, Unreachable
from flows.tasks.bring_back import run_script_with, start, stop
from flows.tasks.change_state import read_state, write_state
from flows.tasks.look_docker import look_docker
from flows.tasks.policy import LOOK, told
from flows.tasks.restore_point import list_restore_points, opened
from flows.tasks.script import script_runs
from flows.tasks.secrets import secrets_of
from flows.tasks.settle import gate, settle

_STOPPED_FOR_GOOD = "the service was stopped so that nothing works on this data; call records wait on the PBX meanwhile"


@task(name="recover", task_run_name="recover", **LOOK)
def recover(
    cluster: DataFlowCluster,
    lock: ChangeLock,
    folder: str,
    error: BaseException | None = None,
    proof: Proof | None = None,
    on_failure: str = "",
) -> Outcome:
    """Look where the change stands and say which way back holds; go it, unless the change says `stop` on failure.

    `folder` is the run folder for a script that may have to be started. `error` is what the change failed of and stays
    the first one; `on_failure` overrules what the change was ordered with. What fails on the way back is told in the
    outcome and not raised, but for a host that cannot be reached.
    """
    state, runs = _known(cluster, lock, error)
    found, was_opened, unreadable = look_for_way(cluster, state)
    verdict = unreadable or (proof.verdict if proof else _judged(state))
    script = (cluster.script_folder, cluster.script_name)
    way = way_back(state, found, script_runs=runs, opened=was_opened, verdict=verdict, script=script)
    get_run_logger().warning("The way back is %s", way.text)
    if (on_failure or state.on_failure) != "recover" or way.way in (Way.SERVING, Way.WAIT):
        return told(Outcome("recover", None, f"nothing was done; {way.text}", _details(way)))
    try:
        done = _go(cluster, lock, folder, state, found, way, give_up=verdict is not None and verdict.failed)
    except Unreachable:
        raise
    except DataFlowError as second:
        return told(Outcome("recover", None, f"{way.way} failed: {second} The way was: {way.text}", _details(way)))
    return told(Outcome("recover", bool(done), f"{way.way}, because {way.why}: {done or way.text}", _details(way)))


def look_for_way(cluster: DataFlowCluster, state: ChangeState) -> tuple[Service, bool | None, Verdict | None]:
    """What is on the server: containers, whether the data was opened since the restore point, what cannot be read."""
    with cluster.server.get_client(name="server") as ssh:
        docker = look_docker(cluster, ssh)
        if docker.trouble:
            raise Unreachable(ssh.where, "looking at the containers", docker.trouble, "Look at Docker there first.")
        found = service(docker, cluster.data_path)
        points = list_restore_points(ssh, cluster.data_path) if state.restore_point else ()
        ours = next((point for point in points if point.id == state.restore_point), None)
        was_opened = opened(ssh, ours) if ours else None
        unreadable = None
        if found.clickhouse is not None and found.clickhouse.running:
            try:
                with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
                    gate(clickhouse)
            except Unreachable:
                pass  # it runs and does not answer yet: that is no verdict on the data
            except APIError as error:
                if error.tried == "loading its tables":
                    unreadable = Verdict((TableVerdict(SERVER, Word.UNREADABLE, None, None, 0, 0, error.answer),))
    return found, was_opened, unreadable


def _known(cluster: DataFlowCluster, lock: ChangeLock, error: BaseException | None) -> tuple[ChangeState, bool]:
    """The state of this change, with its first error written down, and whether its script still runs."""
    with cluster.control.get_client(name="pbx01") as ssh:
        stored = read_state(ssh, lock.change or lock.run)
        state = stored or state_of(lock, cluster.name)
        if error is not None and not state.error:
            state = replace(state, error=redact(str(error), secrets_of(cluster)))
            if stored is not None:
                write_state(ssh, state)
        return state, script_runs(ssh, lock.script)


def _judged(state: ChangeState) -> Verdict | None:
    """The verdict of an earlier attempt that failed: its word is stored, but the change was not verified with it."""
    if not state.verdict or state.phase.reached(Phase.VERIFIED):
        return None
    return Verdict((TableVerdict(SERVER, Word.UNREADABLE, None, None, 0, 0, f"judged before: {state.verdict}"),))


def _details(way: WayBack) -> dict[str, str]:
    return {"way": str(way.way), "why": way.why, "by hand": "\n".join(way.by_hand)}


def _go(
    cluster: DataFlowCluster,
    lock: ChangeLock,
    folder: str,
    state: ChangeState,
    found: Service,
    way: WayBack,
    *,
    give_up: bool,
) -> str:
    """Go the way; what was done in words, "" for nothing."""
    if way.way is Way.STAY_STOPPED:
        stopped = stop(cluster, found) if give_up else ()
        return f"{' and '.join(stopped)}: {_STOPPED_FOR_GOOD}; {way.by_hand[-1]}" if stopped else ""
    if way.way is Way.START:
        did = f"started {' and '.join(start(cluster, found)) or 'nothing, both run'}"
    else:
        images = state.old if way.way is Way.RUN_RECORDED else state.new
        assert images is not None
        did = run_script_with(cluster, lock, folder, state, found, images)
    up = settle(cluster, return_state=True).result()
    with cluster.control.get_client(name="pbx01") as ssh:
        if (now := read_state(ssh, state.id)) is not None:
            write_state(ssh, replace(now, up_at=now.up_at or time.time(), note=f"brought back by {way.way}: {did}"))
    return f"{did}; {up.outcome.message}"
