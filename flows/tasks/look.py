"""The look: everything a judgement needs, gathered from all machines at the same time, changing nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from prefect import task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.change_state import ChangeState
from flows.core.facts import (
    control_questions,
    folders_of,
    password_record,
    restore_points,
    saved_parameters,
    script_facts,
    server_questions,
)
from flows.core.rehearsal import Rehearsal
from flows.core.restore_point import RestorePoint
from flows.core.snapshot import (
    DockerFacts,
    HostFacts,
    PbxFacts,
    SavedParameters,
    ScriptFacts,
    Snapshot,
)
from flows.core.stopped import KnownStop
from flows.errors import AccessDenied
from flows.tasks.change_lock import read_lock
from flows.tasks.change_state import read_state
from flows.tasks.look_docker import look_docker
from flows.tasks.look_hosts import ask_host, look_nodes, same_password
from flows.tasks.look_pbx import look_pbx
from flows.tasks.policy import LOOK, told
from flows.tasks.rehearsal_record import read_rehearsals
from flows.tasks.script import script_runs
from flows.tasks.stopped import read_stop

T = TypeVar("T")

_Control = tuple[
    HostFacts,
    ScriptFacts,
    tuple[HostFacts, ...],
    ChangeLock | None,
    bool,
    KnownStop | None,
    ChangeState | None,
    tuple[Rehearsal, ...],
]
_Points = tuple[RestorePoint, ...] | None
_Server = tuple[HostFacts, DockerFacts, _Points, tuple[SavedParameters, ...] | None, bool | None, bool | None]


@task(name="look", task_run_name="look", **LOOK)
def look(cluster: DataFlowCluster) -> Told[Snapshot]:
    """See the whole cluster once: control node, server, PBX nodes, PBX, Docker.

    Raises `Unreachable` (tried again) or `AccessDenied` when one of the three doors stays shut.
    """
    with ThreadPoolExecutor(max_workers=3) as pool:
        control = in_thread(pool, lambda: _look_control(cluster))
        server = in_thread(pool, lambda: _look_server(cluster))
        pbx: Future[PbxFacts] = in_thread(pool, lambda: look_pbx(cluster))
        refuse_at_once(control, server, pbx)
        control_facts, script, nodes, lock, runs, known_stop, unfinished, rehearsals = control.result()
        server_facts, docker, points, saved, password_file, password_recorded = server.result()
        pbx_facts = pbx.result()
    snapshot = Snapshot(
        taken_at=time.time(),
        control=control_facts,
        server=server_facts,
        nodes=nodes,
        script=script,
        pbx=pbx_facts,
        docker=docker,
        saved=saved,
        password_recorded=password_recorded,
        password_file=password_file,
        lock=lock,
        script_runs=runs,
        known_stop=known_stop,
        unfinished=unfinished,
        restore_points=points,
        rehearsals=rehearsals,
    )
    said = f"PBX {pbx_facts.version}, {2 + len(nodes)} hosts, {len(docker.containers or ())} containers on the server"
    return told(Outcome("look", None, said), snapshot)


def in_thread(pool: ThreadPoolExecutor, call: Callable[[], T]) -> Future[T]:
    """Call it in a thread of the pool, with the settings of this one."""
    # Prefect keeps its settings and client in context variables, which a new thread would not have.
    return pool.submit(copy_context().run, call)


def refuse_at_once(*doors: Future[Any]) -> None:
    """Wait for all of them; raises one `AccessDenied` for all that were refused, not one in each new run."""
    refused = [error for door in doors if isinstance(error := door.exception(), AccessDenied)]
    if len(refused) > 1:
        answer = " ".join(f"({number}) {error}" for number, error in enumerate(refused, 1))
        hint = "Settle all of them, then start the same again: nothing was changed."
        raise AccessDenied(", ".join(error.where for error in refused), "signing in", answer, hint)


def _look_control(cluster: DataFlowCluster) -> _Control:
    address = cluster.private_address or cluster.public_address
    more = control_questions(cluster.script_folder, cluster.script_name, address, cluster.server.user)
    # Each of these is a way there and back, on one connection: at the same time they wait once.
    with cluster.control.get_client(name="pbx01") as ssh, ThreadPoolExecutor(max_workers=3) as pool:
        held, stop = in_thread(pool, lambda: _held(ssh)), in_thread(pool, lambda: read_stop(ssh))
        rehearsals = in_thread(pool, lambda: read_rehearsals(ssh))
        works = same_password(cluster, cluster.control)
        facts, answers = ask_host(ssh, "pbx01", cluster.control, more=more, password_works=works, forwarding=True)
        script = script_facts(cluster.script_folder, cluster.script_name, answers, cluster.server.host_key)
        nodes = look_nodes(cluster, ssh, script, facts)
        lock, runs, unfinished = held.result()
        return facts, script, nodes, lock, runs, stop.result(), unfinished, rehearsals.result()


def _held(ssh: SshClient) -> tuple[ChangeLock | None, bool, ChangeState | None]:
    """The lock, whether its script still runs, and how far its change came."""
    lock = read_lock(ssh)
    runs = lock is not None and script_runs(ssh, lock.script)
    return lock, runs, read_state(ssh, lock.change) if lock is not None and lock.change else None


def _look_server(cluster: DataFlowCluster) -> _Server:
    ports = [(cluster.pbx_address or cluster.pbx.host, port) for port in cluster.pbx_ports]
    with cluster.server.get_client(name="server") as ssh:
        docker = look_docker(cluster, ssh)
        facts, answers = ask_host(
            ssh,
            "server",
            cluster.server,
            folders=folders_of(cluster.data_path, docker.root),
            ports=ports,
            more=server_questions(cluster.data_path),
            password_works=same_password(cluster, cluster.server),
            forwarding=True,
        )
        points = restore_points(answers, cluster.data_path)
        return facts, docker, points, saved_parameters(answers), *password_record(answers)
