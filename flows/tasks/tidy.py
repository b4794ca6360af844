"""Lists the restore points of the server after a change, and removes the aged ones where that was ordered."""

from __future__ import annotations

import time

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.change_state import Phase
from flows.core.restore_point import listing, removable
from flows.errors import DataFlowError
from flows.tasks.change_state import list_states
from flows.tasks.policy import LOOK, told
from flows.tasks.restore_point import list_restore_points, remove_restore_point


@task(name="restore-points", task_run_name="restore-points", **LOOK)
def tidy(cluster: DataFlowCluster, keep_days: float) -> Told[str]:
    """Remove the points older than `keep_days` (0: none), never the newest or a needed one; yields the rest as a list.

    The change is done and proved by now: what fails here is told, and does not fail it.
    """
    try:
        return told(*_tidied(cluster, keep_days))
    except DataFlowError as error:
        get_run_logger().warning("The restore points could not be tidied up: %s", error)
        return told(Outcome("restore-points", None, f"not tidied up: {error}"), "")


def _tidied(cluster: DataFlowCluster, keep_days: float) -> tuple[Outcome, str]:
    with cluster.control.get_client(name="pbx01") as control, cluster.server.get_client(name="server") as ssh:
        needed = {state.restore_point for state in list_states(control) if state.phase is not Phase.CLOSED}
        points = list_restore_points(ssh, cluster.data_path)
        going, staying = removable(points, now=time.time(), keep_days=keep_days, needed=needed)
        with cluster.docker.get_client(ssh) as client:
            for point in going:
                remove_restore_point(ssh, client, point)
    left = [point for point in points if point not in going]
    said = f"{len(left)} kept" + (f", removed {', '.join(point.id for point in going)}" if going else "")
    said += "".join(f"; {why}" for why in staying)
    return Outcome("restore-points", bool(going) or None, said), listing(left, time.time())
