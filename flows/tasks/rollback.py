"""The steps of a rollback: its folder, the stop, the data put back, and the proof before anything may write to it."""

from __future__ import annotations

from dataclasses import replace

from prefect import task

from blocks.cluster import DataFlowCluster
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.change_state import ChangeState, Phase
from flows.core.data.compare import compare
from flows.core.data.snapshot import as_json, from_json
from flows.core.data.verdict import Severity
from flows.core.installed import service
from flows.core.proof import Proof
from flows.core.replace import running_images
from flows.core.restore_point import RestorePoint
from flows.core.rollback import CHECK
from flows.core.snapshot import DockerFacts
from flows.errors import DataFlowError, PreflightFailed, VerificationFailed
from flows.tasks.bring_back import stop
from flows.tasks.change_lock import mark
from flows.tasks.change_state import fetch, keep, read_state, write_state
from flows.tasks.check_data import data_in_check, remove_check
from flows.tasks.look_docker import look_docker, look_server
from flows.tasks.policy import LOOK, told
from flows.tasks.restore_point import list_restore_points, put_back, rows_on_disk


@task(name="open-change", task_run_name="open-change", **LOOK)
def open_rollback(
    cluster: DataFlowCluster, lock: ChangeLock, wanted: ChangeState, point: RestorePoint
) -> Told[tuple[ChangeState, ChangeLock]]:
    """Read this rollback's state where it has one, else write the first, with the reference that it will be proved by.

    The change that it goes on with is named in `note`. Raises `PreflightFailed` where there is no reference: nothing
    was stopped.
    """
    with cluster.control.get_client(name="pbx01") as control:
        held = read_state(control, lock.change)
        if held is not None and held.kind == "rollback" and held.restore_point == point.id:
            state = replace(held, runs=tuple(dict.fromkeys((*held.runs, *wanted.runs))))
            write_state(control, state)
            said = f"going on with {held.id}, which came to: {held.phase}"
            return told(Outcome("open-change", None, said), (state, lock))
        reference = fetch(control, point.change, "reference")
        if reference is None:
            hint = "Without it nothing proves what was put back. Nothing was stopped; ask for help, or go by hand."
            raise PreflightFailed("pbx01", f"reading the reference of change {point.change}", "there is none", hint)
        docker = look_server(cluster)
        present = running_images(service(docker, cluster.data_path), {i.id: i.version for i in docker.images or ()})
        before = held.id if held is not None else ""
        state = replace(wanted, old=present, new=point.images, restore_point=point.id, note=before)
        keep(control, state.id, "reference", reference)
        write_state(control, state)
        lock = replace(lock, change=state.id)
        mark(control, lock, "preparing")
    return told(Outcome("open-change", None, f"back to {point.id} of {point.made}"), (state, lock))


@task(name="stop-service", task_run_name="stop-service", **LOOK)
def stop_service(cluster: DataFlowCluster, state: ChangeState) -> Told[ChangeState]:
    """Stop the writer, then ClickHouse; an exit code other than 0 is told, since this data is set aside anyway."""
    state = _further(cluster, state, Phase.STOPPING)
    found = service(look_server(cluster), cluster.data_path)
    names = stop(cluster, found)
    left = [c for c in service(look_server(cluster), cluster.data_path).containers if c.running]
    if left:
        hint = "Something starts it again. Look with docker ps on the server; nothing was put back."
        raise VerificationFailed("server", "stopping the service", f"{left[0].name} runs", hint)
    said = ", ".join(names) or "no container of the service ran"
    return told(Outcome("stop-service", bool(names), said), _further(cluster, state, Phase.STOPPED))


@task(name="put-back", task_run_name="put-back", **LOOK)
def put_point_back(cluster: DataFlowCluster, state: ChangeState, point: RestorePoint) -> Outcome:
    """Exchange the data for the restore point; what was there is renamed, nothing is deleted.

    Raises `VerificationFailed` while any container is on the data path: it may be started at any moment.
    """
    with cluster.server.get_client(name="server") as ssh:
        docker = look_docker(cluster, ssh)
        if docker.containers is None or (names := _on_data(docker, cluster.data_path)):
            said = f"{', '.join(names)} on {cluster.data_path}" if docker.containers is not None else docker.trouble
            hint = "Nothing was put back. Remove it there (docker rm) if you know it, then press Retry."
            raise VerificationFailed(ssh.where, "looking for containers", said, hint)
        rows = rows_on_disk(ssh, f"{cluster.data_path}/clickhouse/data")
        renamed = put_back(ssh, point)
        now = rows_on_disk(ssh, f"{cluster.data_path}/clickhouse/data")
    _further(cluster, state, Phase.KEPT)
    moved = "; ".join(f"{folder} is now {name}" for folder, name in renamed.items())
    figures = f"{_rows(now)} in it, {_rows(rows)} in what was there"
    return told(Outcome("put-back", bool(renamed), f"{moved or 'it was put back before'}; {figures}"))


@task(name="check-data", task_run_name="check-data", **LOOK)
def check_data(cluster: DataFlowCluster, state: ChangeState, point: RestorePoint) -> Told[Proof]:
    """Open the data with the old ClickHouse alone and compare every table with the reference; then stop it again.

    Raises `VerificationFailed` unless nothing is missing: then the service stays stopped.
    """
    with cluster.control.get_client(name="pbx01") as control:
        reference = fetch(control, state.id, "reference")
    before = from_json(reference or "{}")
    after = data_in_check(cluster, point)
    verdict = compare(before, after)
    with cluster.control.get_client(name="pbx01") as control:
        keep(control, state.id, "early", as_json(after))
    proof = Proof(before.version, after.version, verdict)
    if verdict.severity not in (Severity.OK, Severity.NOTE):
        hint = "The service stays stopped, the restore point and the folders that were renamed are kept. Ask for help."
        raise VerificationFailed("server", "comparing the data that was put back", verdict.summary, hint, proof)
    said = f"ClickHouse {after.version} alone on it: {verdict.summary}"
    return told(Outcome("check-data", True, said), proof)


@task(name="close-change", task_run_name="close-change", **LOOK)
def close_rollback(cluster: DataFlowCluster, state: ChangeState) -> Told[ChangeState]:
    """Close the rollback, and the unfinished change that it ended."""
    with cluster.control.get_client(name="pbx01") as control:
        before = read_state(control, state.note) if state.note else None
        if before is not None:
            ended = replace(before, phase=Phase.CLOSED, note=f"rolled back by {state.id} to {state.restore_point}")
            write_state(control, ended)
        state = replace(state, phase=Phase.CLOSED)
        write_state(control, state)
    ended_too = f"; the unfinished change {state.note} ended with it" if before else ""
    return told(Outcome("close-change", None, f"back on {state.restore_point}{ended_too}"), state)


@task(name="count-rows-since", task_run_name="count-rows-since", **LOOK)
def count_rows_since(cluster: DataFlowCluster, wanted: str) -> str:
    """What was written since a restore point ("": the newest), in words for a person; never fails for a figure.

    Counted in the files: it needs no ClickHouse, which may be what is broken. "" when there is no such point.
    """
    try:
        with cluster.server.get_client(name="server") as ssh:
            points = list_restore_points(ssh, cluster.data_path)
            point = next((p for p in reversed(points) if p.id == wanted or not wanted), None)
            if point is None:
                return ""
            now = rows_on_disk(ssh, f"{cluster.data_path}/clickhouse/data")
            then = rows_on_disk(ssh, f"{point.path}/0")
    except DataFlowError as error:
        return f"how many rows were written since is not known: {error.answer}"
    said = f"{point.id} of {point.made} holds {_rows(then)} in MergeTree tables, the data now {_rows(now)}"
    if now is None or then is None:
        return said
    return f"{said}: {now - then:+,} since, which are not in the restore point"


def containers_left(cluster: DataFlowCluster) -> bool:
    """Whether the vendor's script has anything to remove; a container of our own check is removed here."""
    remove_check(cluster)
    docker = look_server(cluster)
    return bool(_on_data(docker, cluster.data_path))


def _on_data(docker: DockerFacts, data_path: str) -> list[str]:
    found = service(docker, data_path)
    return [c.name for c in (*found.containers, *found.strangers) if c.name != CHECK]


def _rows(rows: int | None) -> str:
    return "an unknown number of rows" if rows is None else f"{rows:,} rows"


def _further(cluster: DataFlowCluster, state: ChangeState, phase: Phase) -> ChangeState:
    """Write how far it came, unless it came further before."""
    if not state.phase.reached(phase):
        state = replace(state, phase=phase)
        with cluster.control.get_client(name="pbx01") as control:
            write_state(control, state)
    return state
