"""Makes the restore point of a change, while ClickHouse is stopped."""

from __future__ import annotations

from dataclasses import replace

from prefect import task

from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState, Phase
from flows.core.data.snapshot import from_json
from flows.core.words import size
from flows.errors import VerificationFailed
from flows.tasks.change_state import fetch, write_state
from flows.tasks.policy import LOOK, told
from flows.tasks.restore_point import list_restore_points, make_restore_point, opened


@task(name="restore-point", task_run_name="restore-point", **LOOK)
def restore_point(cluster: DataFlowCluster, state: ChangeState) -> Told[ChangeState]:
    """Keep the stopped data by hard links, the parameters, and the images that it was written with.

    The point of an earlier attempt stays the one of this change as soon as the script may have started a new engine.
    """
    if state.old is None:
        hint = "Start the service with its present images first, or roll back to an older restore point."
        raise VerificationFailed("server", "making the restore point", "its present images are not known", hint)
    with cluster.control.get_client(name="pbx01") as control, cluster.server.get_client(name="server") as ssh:
        points = {point.id: point for point in list_restore_points(ssh, cluster.data_path)}
        held = points.get(state.restore_point)
        if held and (state.phase.reached(Phase.SCRIPT) or opened(ssh, held) is False):
            return told(Outcome("restore-point", False, f"{held.path} of this change"), state)
        with cluster.docker.get_client(ssh) as client:
            disks = _disks(fetch(control, state.id, "reference"))
            made = make_restore_point(
                cluster, ssh, client, change=state.id, recorded=state.recorded, images=state.old, disks=disks
            )
        phase = state.phase if state.phase.reached(Phase.KEPT) else Phase.KEPT
        state = replace(state, restore_point=made.id, phase=phase)
        write_state(control, state)
    said = f"{made.path}: {made.files:,} files, {size(made.bytes)} by hard links; both old images pinned"
    return told(Outcome("restore-point", True, said), state)


def _disks(reference: str | None) -> tuple[str, ...]:
    """The paths of ClickHouse's further disks as it told them while it ran; `default` is the data folder itself."""
    others = from_json(reference).others if reference else ()
    return tuple(each.text for each in others if each.kind == "disk" and each.name != "default")
