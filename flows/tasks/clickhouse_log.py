"""Asks the server why ClickHouse gave up, for the error of a step that waited for it in vain."""

from __future__ import annotations

from blocks.cluster import DataFlowCluster
from flows.core.clickhouse_log import log_command, why_it_ended
from flows.errors import DataFlowError
from flows.tasks.secrets import secrets_of


def and_why(cluster: DataFlowCluster, within: float) -> str:
    """What its log says for the last `within` seconds, as the end of a sentence; "" when that cannot be told.

    Never raises: the error that it is added to is the one to be seen.
    """
    try:
        with cluster.server.get_client(name="server") as ssh:
            answer = ssh.run(log_command(cluster.data_path), sudo=True)
        said = why_it_ended(answer.stdout, within, secrets_of(cluster))
    except DataFlowError:
        return ""
    return f"; {said}" if said else ""
