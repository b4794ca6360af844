"""Opens a change and lets the running service come to rest, while it still serves: nothing is stopped here."""

from __future__ import annotations

import time
from dataclasses import replace

from prefect import get_run_logger, task

from blocks.clickhouse import ClickHouseClient
from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState, Phase
from flows.core.data.snapshot import DataSnapshot, as_json
from flows.core.numbers import QUIET_POLL, QUIET_WAIT
from flows.core.words import duration
from flows.errors import VerificationFailed
from flows.tasks.change_state import fetch, keep, write_state
from flows.tasks.data import quiet, read_data
from flows.tasks.policy import LOOK, told
from flows.tasks.restore_point import check_restore_point
from flows.tasks.settle import gate


@task(name="quiesce", task_run_name="quiesce", **LOOK)
def quiesce(cluster: DataFlowCluster, state: ChangeState, *, deep: bool) -> Told[ChangeState]:
    """Wait for unfinished mutations and record every table as evidence, in the change's folder on the control node.

    Raises `VerificationFailed` while ClickHouse is not ready, or when the mutations take too long: nothing was stopped.
    """
    with cluster.control.get_client(name="pbx01") as control, cluster.server.get_client(name="server") as ssh:
        write_state(control, state)
        if state.phase.reached(Phase.QUIET) and fetch(control, state.id, "evidence") is not None:
            return told(Outcome("quiesce", None, "recorded before by this change"), state)
        with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
            waited = _wait(ssh.where, clickhouse)
            evidence = read_data(clickhouse, deep=deep)
        if trouble := check_restore_point(ssh, cluster.data_path):
            hint = "Nothing was stopped. Without a restore point there is no way back to the old version."
            raise VerificationFailed(ssh.where, "looking whether a restore point can be made", trouble, hint)
        keep(control, state.id, "evidence", as_json(evidence))
        state = replace(state, phase=Phase.QUIET)
        write_state(control, state)
    return told(Outcome("quiesce", None, f"{recorded(evidence)}; waited {duration(waited)}"), state)


def recorded(data: DataSnapshot) -> str:
    """How much was recorded, in words."""
    return f"recorded {len(data.tables)} tables, {data.rows:,} rows in {len(data.parts):,} parts"


def _wait(where: str, clickhouse: ClickHouseClient) -> float:
    began, said = time.monotonic(), ""
    while trouble := gate(clickhouse) or quiet(clickhouse):
        if trouble != said:
            get_run_logger().info("Waiting before anything is stopped: %s", trouble)
            said = trouble
        if time.monotonic() - began > QUIET_WAIT:
            hint = "Nothing was stopped. Let it end, or settle a mutation that fails (system.mutations); then Retry."
            raise VerificationFailed(where, f"waiting {duration(QUIET_WAIT)} for ClickHouse to rest", trouble, hint)
        time.sleep(QUIET_POLL)
    return time.monotonic() - began
