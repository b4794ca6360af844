"""Looks at everything that a health check judges: one round for each host, the PBX beside them, only reads.

What cannot be reached is a fact here, not an error: the check says so, and ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.clickhouse import ClickHouseClient
from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome, Told
from flows.core.facts import ask, folders_of, host_facts, restore_points, script_facts, split, unreached
from flows.core.facts.question import Answers
from flows.core.health.questions import PARTS, Notes, inodes, log_bytes, notes, of_control, of_server
from flows.core.health.seen import Health
from flows.core.health.trend import Point, thinned
from flows.core.installed import service
from flows.core.restore_point import RestorePoint
from flows.core.snapshot import DockerFacts, HostFacts, PbxFacts, ScriptFacts, Snapshot
from flows.core.tables import SERVER, TABLES, read_tables
from flows.errors import AccessDenied, DataFlowError, Unreachable
from flows.tasks.look import in_thread
from flows.tasks.look_docker import look_docker
from flows.tasks.look_pbx import look_pbx
from flows.tasks.policy import once_more, told
from flows.tasks.settle import gate

T = TypeVar("T")
_Control = tuple[HostFacts, ScriptFacts, Notes | None]
_Server = tuple[HostFacts, DockerFacts, tuple[RestorePoint, ...] | None, Health]


@task(name="look", task_run_name="look {cluster.name}", cache_policy=NO_CACHE, persist_result=False)
def look_health(cluster: DataFlowCluster, before: tuple[Point, ...]) -> Told[Snapshot]:
    """See what a health check judges; `before` are the points of earlier checks, which this one's goes on from."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        control = in_thread(pool, lambda: _seen(lambda: _control(cluster), lambda why: _no_control(cluster, why)))
        server = in_thread(pool, lambda: _seen(lambda: _server(cluster), _no_server))
        pbx = in_thread(pool, lambda: _seen(lambda: look_pbx(cluster), _no_pbx))
        ends = in_thread(pool, cluster.pbx.certificate_end)
        control_facts, script, noted = control.result()
        server_facts, docker, points, health = server.result()
        pbx_facts, certificate_ends = pbx.result(), ends.result()
    now = time.time()
    point = _point(cluster, server_facts, docker, health, now)
    snapshot = Snapshot(
        taken_at=now,
        control=control_facts,
        server=server_facts,
        nodes=(),
        script=script,
        pbx=pbx_facts,
        docker=docker,
        lock=noted.lock if noted else None,
        known_stop=noted.stop if noted else None,
        restore_points=points,
        health=replace(
            health,
            certificate_ends=certificate_ends,
            notes=noted is not None,
            baseline=noted.baseline if noted else None,
            left_open=noted.left_open if noted else None,
            trend=thinned((*before, point), now),
            log_head=noted.head if noted else None,
        ),
    )
    reached = [host.name for host in (control_facts, server_facts) if host.reached]
    said = f"reached {', '.join([*reached, *(['the PBX'] if pbx_facts.reached else [])]) or 'nothing'}"
    return told(Outcome("look", None, said), snapshot)


def _seen(look: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """What stays shut becomes a fact."""
    try:
        return once_more(look)
    except DataFlowError as error:
        return otherwise(str(error))


def _control(cluster: DataFlowCluster) -> _Control:
    folder, name = cluster.script_folder, cluster.script_name
    with cluster.control.get_client(name="pbx01") as ssh:
        sent = time.time()
        answers = _asked(ssh, ask(of_control(folder, name)), cluster.control.command_timeout)
        facts = host_facts("pbx01", answers, sent=sent, received=time.time(), folders=(), user=cluster.control.user)
    return facts, script_facts(folder, name, answers), notes(answers)


def _no_control(cluster: DataFlowCluster, why: str) -> _Control:
    return unreached("pbx01", why), ScriptFacts(cluster.script_folder, cluster.script_name), None


def _server(cluster: DataFlowCluster) -> _Server:
    folders = folders_of(cluster.data_path)
    # Docker is asked in a channel of its own while the host looks for its answers: du alone may take a while.
    with cluster.server.get_client(name="server") as ssh, ThreadPoolExecutor(max_workers=1) as pool:
        docker = in_thread(pool, lambda: look_docker(cluster, ssh))
        sent = time.time()
        questions = ask(of_server(cluster.data_path, folders))
        answers = _asked(ssh, questions, cluster.server.command_timeout)
        facts = host_facts("server", answers, sent=sent, received=time.time(), folders=folders)
        found = docker.result()
        health = replace(_database(cluster, ssh, found), log_bytes=log_bytes(answers), inodes=inodes(answers))
    return facts, found, restore_points(answers, cluster.data_path), health


def _no_server(why: str) -> _Server:
    return unreached("server", why), DockerFacts(trouble=why), None, Health()


def _no_pbx(why: str) -> PbxFacts:
    return PbxFacts(reached=False, trouble=why)


def _asked(ssh: SshClient, questions: str, deadline: float) -> Answers:
    return split(ssh.run(questions, check=False, timeout=deadline).stdout)


def _database(cluster: DataFlowCluster, ssh: SshClient, docker: DockerFacts) -> Health:
    """What ClickHouse says, where its container runs; any trouble is why it is not ready."""
    container = service(docker, cluster.data_path).clickhouse
    if container is None or not container.running:
        return Health()
    try:
        with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
            trouble = gate(clickhouse)
            return Health(gate=trouble) if trouble else _counted(clickhouse)
    except DataFlowError as error:
        if isinstance(error, Unreachable | AccessDenied) and not ssh.alive:
            raise
        return Health(gate=str(error))


def _counted(clickhouse: ClickHouseClient) -> Health:
    tables = read_tables(clickhouse.query(SERVER)[0], clickhouse.query(TABLES))
    parts = clickhouse.query(PARTS)[0]
    return Health(
        gate="", tables=tables, most_parts=int(parts["most_parts"] or 0), set_aside=int(parts["set_aside"] or 0)
    )


def _point(cluster: DataFlowCluster, server: HostFacts, docker: DockerFacts, health: Health, now: float) -> Point:
    data = next((disk for disk in server.disks or () if disk.path == cluster.data_path), None)
    containers = service(docker, cluster.data_path).containers
    return Point(
        time=int(now),
        free=data.available if data else None,
        log=health.log_bytes,
        rows=health.tables.rows if health.tables else None,
        restarts=sum(container.restarts for container in containers) if containers else None,
    )
