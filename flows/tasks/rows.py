"""The rows of every table around a change that replaces nothing: recorded before a stop, found again after a start."""

from __future__ import annotations

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState
from flows.core.data.snapshot import DataSnapshot, as_json
from flows.errors import AccessDenied, APIError, Unreachable
from flows.tasks.change_state import fetch, keep, write_state
from flows.tasks.data import read_data
from flows.tasks.policy import LOOK, told
from flows.tasks.quiesce import recorded
from flows.tasks.settle import gate

REFERENCE = "reference"


@task(name="record-rows", task_run_name="record-rows", **LOOK)
def record_rows(cluster: DataFlowCluster, state: ChangeState) -> Told[bool]:
    """Record every table as the reference of this change, unless it has one; yields whether it has one now.

    A ClickHouse that cannot be read keeps nobody from stopping it: that is said, and nothing is recorded.
    """
    with cluster.control.get_client(name="pbx01") as control:
        write_state(control, state)
        if fetch(control, state.id, REFERENCE) is not None:
            return told(Outcome("record-rows", None, "recorded before by this change"), True)
        data, trouble = _read(cluster)
        if data is None:
            get_run_logger().warning("The tables were not recorded, so nothing can be proved later: %s", trouble)
            return told(Outcome("record-rows", None, f"NOT recorded: {trouble}"), False)
        keep(control, state.id, REFERENCE, as_json(data))
    return told(Outcome("record-rows", None, recorded(data)), True)


def _read(cluster: DataFlowCluster) -> tuple[DataSnapshot | None, str]:
    with cluster.server.get_client(name="server") as ssh:
        try:
            with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
                trouble = gate(clickhouse)
                return (None, trouble) if trouble else (read_data(clickhouse), "")
        except (AccessDenied, APIError, Unreachable) as error:
            if not ssh.alive:
                raise
            return None, str(error)


def adopt_reference(cluster: DataFlowCluster, state: ChangeState, *changes: str) -> bool:
    """Take what the first of these changes recorded as this one's reference too, unless it has its own.

    Returns whether it has one now. The other change's folder is left as it is.
    """
    with cluster.control.get_client(name="pbx01") as control:
        for change in dict.fromkeys(name for name in (state.id, *changes) if name):
            if (text := fetch(control, change, REFERENCE)) is not None:
                write_state(control, state)
                keep(control, state.id, REFERENCE, text)
                return True
    return False
