"""Looks at a cluster's hosts for an audit: the audit log, and traces of the vendor's script, whoever started it."""

from __future__ import annotations

from blocks.cluster import DataFlowCluster
from flows.core.audit.history import Trace
from flows.core.audit.read import Lines, lines_of
from flows.core.audit.traces import control_command, made, server_command, traces
from flows.core.installed import service
from flows.core.numbers import STATE_FOLDER
from flows.errors import Unreachable
from flows.tasks.audit_log import read_log
from flows.tasks.look_docker import look_docker


def look_control(cluster: DataFlowCluster) -> tuple[Lines, tuple[Trace, ...]]:
    """The audit log, and what scripts left on the control node. Raises `DataFlowError`."""
    with cluster.control.get_client(name="pbx01") as ssh:
        found = ssh.run(control_command(STATE_FOLDER, cluster.script_folder)).stdout
        return lines_of(read_log(ssh)), traces(found, "pbx01")


def look_server(cluster: DataFlowCluster) -> tuple[Trace, ...]:
    """What scripts left on the server. Raises `DataFlowError`."""
    with cluster.server.get_client(name="server") as ssh:
        found = traces(ssh.run(server_command()).stdout, "the server")
        docker = look_docker(cluster, ssh)
        if docker.present is False:
            return found
        if docker.trouble:
            raise Unreachable(ssh.where, "looking at the containers", docker.trouble, "Look at Docker there first.")
        containers = service(docker, cluster.data_path).containers
        with cluster.docker.get_client(ssh) as client:
            created = {each.name: str(client.api.inspect_container(each.id)["Created"]) for each in containers}
        return (*found, *made(created))
