"""What a change that failed half way does last: find the way back, go it where that is safe, and prove it, too."""

from __future__ import annotations

from blocks.cluster import DataFlowCluster
from flows.core.change import ChangeLock, Outcome
from flows.core.change_state import ChangeState, Phase
from flows.core.proof import Proof
from flows.core.recovery import Way
from flows.errors import DataFlowError, VerificationFailed
from flows.recorded import Recorded
from flows.tasks.open import advance, current
from flows.tasks.prove import prove
from flows.tasks.recover import recover

_UP = (Way.SERVING, Way.START, Way.RUN_RECORDED, Way.RUN_TARGET)


def go_back(cluster: DataFlowCluster, run: Recorded, lock: ChangeLock, error: Exception) -> None:
    """Bring the service back where that is safe, prove it, and note what was done; never hides the first error.

    The change is closed, and its lock may go, only when the service is up and every row was found again.
    """
    try:
        said = _recovered(cluster, run, lock, "recover", error, None)
        state = current(cluster, lock.change)
        if state is None or not _is_up(said):
            return
        if state.phase.reached(Phase.STOPPED):
            run.note(proof=_proved(cluster, run, state))
        run.note(change=advance(cluster, state, Phase.CLOSED))
        run.unfinished = False
    except VerificationFailed as lost:  # up, but rows are missing: nothing may work on this data
        run.note(proof=lost.proof)
        _recovered(cluster, run, lock, "stop-again", error, lost.proof)
    except DataFlowError as second:
        run.note(way_back=f"{run.report.way_back} It could not be gone to its end: {second}".strip())


def _recovered(
    cluster: DataFlowCluster, run: Recorded, lock: ChangeLock, name: str, error: Exception, proof: Proof | None
) -> Outcome:
    if isinstance(error, VerificationFailed):
        proof = proof or error.proof
    run.note(proof=proof)
    step = recover.with_options(task_run_name=name)
    said: Outcome = run.step(name, lambda: step(cluster, lock, f"{run.folder}-{name}", error, proof))
    run.note(way_back=said.message)
    return said


def _is_up(said: Outcome) -> bool:
    way = said.details.get("way")
    return way == Way.SERVING or (bool(said.changed) and way in _UP)


def _proved(cluster: DataFlowCluster, run: Recorded, state: ChangeState) -> Proof:
    again = prove.with_options(task_run_name="verify-row-counts again")
    proof: Proof = run.step(
        "verify-row-counts again", lambda: again(cluster, state, None, deep=run.report.order.deep, images=None)
    )
    return proof
