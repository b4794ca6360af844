"""Stops the service for a replacement: the writer first, then what ClickHouse holds back, then ClickHouse itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import docker
from prefect import task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState, Phase
from flows.core.data.snapshot import as_json
from flows.core.installed import Service, service
from flows.core.numbers import STOP_GRACE
from flows.core.snapshot import Container
from flows.core.words import duration
from flows.errors import CommandFailed, VerificationFailed
from flows.tasks.change_state import fetch, keep, write_state
from flows.tasks.data import flush, read_data
from flows.tasks.look_docker import read_docker
from flows.tasks.policy import LOOK, told
from flows.tasks.quiesce import recorded
from flows.tasks.settle import gate


@task(name="stop-writer", task_run_name="stop-writer", **LOOK)
def stop_writer(cluster: DataFlowCluster, state: ChangeState, *, deep: bool) -> Told[ChangeState]:
    """Stop the Data Flow container, flush, and record every table: the reference that all later looks are compared to.

    A change has one reference: an attempt that finds it stored takes no other, whatever happened in between.
    Raises `VerificationFailed` when ClickHouse does not answer and there is no reference yet.
    """
    with cluster.control.get_client(name="pbx01") as control, _found(cluster) as (ssh, client, found):
        state = replace(state, phase=_further(state, Phase.STOPPING))
        write_state(control, state)
        said = _stopped(client, ssh, found.dataflow)
        if fetch(control, state.id, "reference") is not None:
            return told(Outcome("stop-writer", bool(said), f"{said or 'stopped'}; recorded before"), state)
        with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
            if trouble := gate(clickhouse):
                hint = "ClickHouse has to run to be recorded. Start the service, then the same change again."
                raise VerificationFailed(ssh.where, "recording the tables", trouble, hint)
            flush(clickhouse)
            reference = read_data(clickhouse, deep=deep)
        keep(control, state.id, "reference", as_json(reference))
    return told(Outcome("stop-writer", bool(said), f"{said or 'it was stopped'}; {recorded(reference)}"), state)


@task(name="stop-clickhouse", task_run_name="stop-clickhouse", **LOOK)
def stop_clickhouse(cluster: DataFlowCluster, state: ChangeState) -> Told[ChangeState]:
    """Stop ClickHouse with time to end by itself; raises `CommandFailed` unless its exit code is 0."""
    with cluster.control.get_client(name="pbx01") as control, _found(cluster) as (ssh, client, found):
        state = replace(state, phase=_further(state, Phase.STOPPED), down_since=state.down_since or time.time())
        write_state(control, state)
        said = _stopped(client, ssh, found.clickhouse, strict=True)
    return told(Outcome("stop-clickhouse", bool(said), said or "it does not run"), state)


@contextmanager
def _found(cluster: DataFlowCluster) -> Iterator[tuple[SshClient, docker.DockerClient, Service]]:
    with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
        yield ssh, client, service(read_docker(client, ()), cluster.data_path)


def _stopped(client: docker.DockerClient, ssh: SshClient, container: Container | None, *, strict: bool = False) -> str:
    """Stop it when it runs; what was done in words, "" for nothing. `strict`: anything but exit code 0 is an error."""
    if container is None or not container.running:
        return ""
    began = time.monotonic()
    client.api.stop(container.id, timeout=STOP_GRACE)
    code = int(client.api.inspect_container(container.id)["State"]["ExitCode"])
    took = duration(time.monotonic() - began)
    if strict and code != 0:
        hint = "It was killed or crashed, so what it had not written is lost. Nothing was removed; see its log."
        raise CommandFailed(ssh.where, f"stopping {container.name}", f"exit code {code} after {took}", hint, code)
    return f"{container.name} ended with exit code {code} after {took}"


def _further(state: ChangeState, phase: Phase) -> Phase:
    return state.phase if state.phase.reached(phase) else phase
