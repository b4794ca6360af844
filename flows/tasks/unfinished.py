"""The end of a change, and of the unfinished one that it settled."""

from __future__ import annotations

from dataclasses import replace

from blocks.cluster import DataFlowCluster
from flows.core.change_state import ChangeState, Phase
from flows.tasks.change_state import read_state, write_state


def close(cluster: DataFlowCluster, state: ChangeState, other: str = "") -> None:
    """Mark this change as over, and the unfinished one that it brought to an end (`other`), if any."""
    with cluster.control.get_client(name="pbx01") as control:
        if read_state(control, state.id) is not None:
            write_state(control, replace(state, phase=Phase.CLOSED))
        met = read_state(control, other) if other and other != state.id else None
        if met is not None and met.phase is not Phase.CLOSED:
            note = f"ended by the {state.kind} {state.id}, with the containers that were there"
            write_state(control, replace(met, phase=Phase.CLOSED, note=note))
