"""What a dead run left behind: the containers, the record of the tables, and the transcript of its script."""

from __future__ import annotations

from prefect import task

from blocks.cluster import DataFlowCluster
from flows.core.change import ChangeLock, Outcome, Told
from flows.core.change_state import ChangeState, Phase
from flows.core.installed import Service, service
from flows.core.script import Transcript
from flows.errors import CommandFailed, Unreachable, VerificationFailed
from flows.tasks.change_state import fetch
from flows.tasks.look_docker import look_server
from flows.tasks.policy import LOOK, told
from flows.tasks.script import job_state, read_transcript, run_folder


@task(name="check-service", task_run_name="check-service", **LOOK)
def check_service(cluster: DataFlowCluster) -> Told[Service]:
    """See which containers of the service are there and which of them run."""
    docker = look_server(cluster)
    if docker.trouble:
        where = cluster.server.where
        raise Unreachable(where, "looking at the containers", docker.trouble, "Look at Docker there first.")
    found = service(docker, cluster.data_path)
    words = [f"{c.name} {'runs' if c.running else 'is stopped'}" for c in found.containers]
    return told(Outcome("check-service", None, ", ".join(words) or "there is no container of the service"), found)


def has_reference(cluster: DataFlowCluster, state: ChangeState) -> bool:
    """Whether the tables were recorded before this change stopped the service.

    Raises `VerificationFailed` where they should have been: then nothing can be proved, and a person has to decide.
    """
    with cluster.control.get_client(name="pbx01") as control:
        if fetch(control, state.id, "reference") is not None:
            return True
        if state.old is not None and state.phase.reached(Phase.STOPPED):
            hint = f"Compare the rows yourself; then run reconcile-data-flow with abandon={state.id}."
            raise VerificationFailed(control.where, "reading the reference", "there is none", hint)
    return False


def transcript_of(cluster: DataFlowCluster, lock: ChangeLock) -> Transcript | None:
    """What the script of a change left on the control node; `None` where none was started or its log is gone."""
    if not lock.script:
        return None
    folder = run_folder(lock.script)
    with cluster.control.get_client(name="pbx01") as ssh:
        state = job_state(ssh, lock.script)
        if state["state"] == "absent":
            return None
        try:
            return read_transcript(ssh, cluster, lock.kind, folder, state)
        except CommandFailed:
            return Transcript(lock.kind, folder, (), state.get("exit_code"), state["started"], state.get("ended"))
