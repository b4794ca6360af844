"""The data around a removal: recorded to the last file before it, found unchanged after it."""

from __future__ import annotations

from prefect import task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState
from flows.core.control import badly_ended
from flows.core.installed import Service, service
from flows.core.remove import Folder, as_json, difference, folder_command, folders, from_json, parse_folder, removed
from flows.errors import CommandFailed, VerificationFailed
from flows.tasks.change_state import fetch, keep, write_state
from flows.tasks.look_docker import look_docker
from flows.tasks.policy import LOOK, told

NAME = "folders"


@task(name="record-folders", task_run_name="record-folders", **LOOK)
def record_folders(cluster: DataFlowCluster, state: ChangeState, stopped: Service) -> Told[tuple[Folder, ...]]:
    """Record every file of the stopped service's data; a retry of this change takes what it recorded first.

    Raises `VerificationFailed` where ClickHouse did not end by itself: then nothing is removed.
    """
    if bad := badly_ended(stopped):
        hint = "Nothing was removed. Best start the service with control-data-flow first, which compares its rows; "
        hint += "Retry removes it as it is."
        raise VerificationFailed(cluster.server.where, "stopping the service before it is removed", bad, hint)
    with cluster.control.get_client(name="pbx01") as control, cluster.server.get_client(name="server") as ssh:
        write_state(control, state)
        if (text := fetch(control, state.id, NAME)) is not None:
            found = from_json(text)
        else:
            found = _read(ssh, cluster.data_path)
            keep(control, state.id, NAME, as_json(found))
    return told(Outcome("record-folders", None, "; ".join(map(str, found)) or "there is no data folder"), found)


@task(name="verify-removed", task_run_name="verify-removed", **LOOK)
def verify_removed(cluster: DataFlowCluster, state: ChangeState, was: Service) -> Outcome:
    """Check that no container of the service is left, and that every file of its data is as it was recorded.

    Raises `VerificationFailed`.
    """
    with cluster.control.get_client(name="pbx01") as control:
        text = fetch(control, state.id, NAME)
    with cluster.server.get_client(name="server") as ssh:
        docker = look_docker(cluster, ssh)
        left = [container.name for container in service(docker, cluster.data_path).containers]
        if left or docker.trouble:
            hint = "Look at docker ps -a on the server and at the script's log. The data was not touched by us."
            answer = docker.trouble or f"still there: {', '.join(left)}"
            raise VerificationFailed(ssh.where, "checking that the service is removed", answer, hint)
        after = _read(ssh, cluster.data_path)
    if text is not None and (changed := difference(from_json(text), after)):
        hint = "Touch nothing there any more: these flows delete nothing, so look at what the vendor's script did."
        raise VerificationFailed(ssh.where, "comparing the data folders with what they were", changed, hint)
    kept = "; ".join(map(str, after)) or "no data folder"
    proved = "kept, to the last file" if text is not None else "kept (not compared: nothing was recorded before)"
    stays = "left on the PBX: its IP list and the Data Flow token; left on the server: images, saved parameters, logs"
    return told(Outcome("verify-removed", None, f"removed: {removed(was)}. {proved}: {kept}. {stays}"))


def _read(ssh: SshClient, data_path: str) -> tuple[Folder, ...]:
    found = []
    for path in folders(data_path):
        answer = ssh.run(folder_command(path), sudo=True, check=False)
        if answer.exit_code == 3:
            continue
        try:
            found.append(parse_folder(path, answer.stdout))
        except ValueError as error:
            hint = "It is read with sudo; find, awk, sort and sha256sum have to be there."
            said = answer.stderr.strip() or f"not understood: {answer.stdout[:200]!r}"
            raise CommandFailed(ssh.where, f"recording {path}", said, hint, answer.exit_code) from error
    return tuple(found)
