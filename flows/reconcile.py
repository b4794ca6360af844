"""Settle what a dead run left behind: resume nothing by guessing, close what is whole, and be loud about the rest."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Literal

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks.cluster import DataFlowCluster
from flows.core.baseline import MAKE_CONTAINERS
from flows.core.change import ChangeLock, Order, Outcome
from flows.core.change_state import ChangeState
from flows.core.installed import same_images
from flows.core.proof import Proof
from flows.core.reconcile import Next, Standing, decide, rests, state_of
from flows.core.recovery import Way
from flows.core.report import Report
from flows.core.unsettled import down, not_as_wanted, seen
from flows.core.words import utc
from flows.errors import ChangeLocked, DataFlowError, VerificationFailed
from flows.forms import Cluster, Ticket, titled
from flows.recorded import Recorded, artifact_key, leave, recorded
from flows.tasks.baseline import record_baseline
from flows.tasks.left_behind import check_service, has_reference, transcript_of
from flows.tasks.open import current
from flows.tasks.prove import prove
from flows.tasks.reconcile import (
    abandon_change,
    claim,
    close_change,
    find_change,
    put_back,
)
from flows.tasks.reconcile import force_unlock as break_lock
from flows.tasks.record import prefect_tells, waiting_records, write_records
from flows.tasks.recover import recover
from flows.tasks.rehearsal_copy import remove_rehearsal
from flows.tasks.settle import settle


@flow(name="reconcile-data-flow", flow_run_name="reconcile {cluster.name}")
def reconcile_data_flow(
    cluster: Cluster,
    on_failure: Annotated[Literal["recover", "stop"], titled("When the service is down")] = "stop",
    force_unlock: Annotated[str, titled("Break the lock of run")] = "",
    abandon: Annotated[str, titled("Give up change")] = "",
    requested_by: Annotated[str, titled("Requested by")] = "",
    ticket: Ticket = "",
) -> State[str]:
    """Settle a change whose run died: close it with a late report when all is well, be loud when the service is down.

    Does nothing while a change is at work or its script still runs. Appends records to the audit log that pbx01 could
    not be told in time. Meant to run every few minutes by its schedule.

    Args:
        cluster: The saved cluster to look at.
        on_failure: What to do about a service that a dead change left down. stop: change nothing, fail, and tell the
            commands that bring it back; the default, because a schedule runs while somebody may be mending by hand.
            recover: go the safe way back at once; it never touches data.
        force_unlock: Break a lock whatever it is for: type the id of the run that holds it. Only when that run is gone
            for good. It is recorded on pbx01; the unfinished change is not finished by it.
        abandon: Give up an unfinished change: type its id. The service is left as it is, and it is recorded.
        requested_by: Who wants this. It stands in the report and in the record.
        ticket: Number of the ticket or change request.

    Raises:
        ChangeLocked: What was typed does not name the lock or an unfinished change; nothing was done.
        VerificationFailed: The service is down, or rows are missing; the change stays open.
    """
    order = Order("reconcile", cluster.name, False, (), requested_by, ticket, on_failure=on_failure)
    with recorded(cluster, order) as run:
        standing = run.step("find-change", lambda: find_change(cluster))
        if waiting := waiting_records(artifact_key("record", cluster)):
            run.step("write-records", lambda: write_records(cluster, waiting))
        decision = decide(standing, force_unlock=force_unlock, abandon=abandon)
        get_run_logger().info("Decided: %s, because %s", decision.next, decision.why)
        run.note(lock=decision.why, findings=seen(standing, decision))
        if decision.next is Next.REFUSE:
            hint = "Nothing was done. Type the id as the refusal of the other run names it, or leave the field empty."
            raise ChangeLocked(cluster.name, "reconciling", decision.why, hint)
        if standing.rehearsal_left:
            name, data_path = standing.rehearsal
            run.step("remove-rehearsal", lambda: remove_rehearsal(cluster, name, data_path=data_path))
        if decision.next is Next.UNLOCK:
            run.step("force-unlock", lambda: break_lock(cluster, standing, order, run.id))
            run.step("check-service", lambda: check_service(cluster))
        elif decision.next is Next.ABANDON:
            state = _given_up(standing, abandon.strip(), cluster.name)
            run.step("abandon", lambda: abandon_change(cluster, standing, state, order, run.id))
        elif decision.next is Next.SETTLE and standing.lock is not None:
            return Completed(message=_settle(cluster, run, standing, standing.lock), data=None)
        return Completed(message=decision.why, data=None)


def _settle(cluster: DataFlowCluster, run: Recorded, standing: Standing, held: ChangeLock) -> str:
    """Under the dead run's lock: see that the service is up and whole, report late, close; else leave it unfinished."""
    order = run.report.order
    holder = f"reconcile {run.report.run_name}, requested by {order.requested_by or 'the schedule'}"
    since = utc(run.report.started)
    wanted = ChangeLock(
        run.id, holder, since, run.report.run_link, held.kind, held.target, "reconciling", standing.boot_id
    )
    ours = run.step("claim", lambda: claim(cluster, held, wanted))
    state = standing.state or state_of(held, cluster.name)
    try:
        why = _whole(cluster, run, state, ours) if standing.touched else "it had not touched the service yet"
        if standing.touched and state.kind in MAKE_CONTAINERS:
            run.step("baseline", lambda: record_baseline(cluster, held.run, held.link, state.kind))
        run.step("late-report", lambda: _late(cluster, run, held, state, why))
        run.step("close-change", lambda: close_change(cluster, ours, state, f"settled {utc(time.time())}: {why}"))
    except BaseException:
        _put_back(cluster, run, ours, held)
        raise
    return f"the change of {held.holder} is closed: {why}"


def _put_back(cluster: DataFlowCluster, run: Recorded, ours: ChangeLock, held: ChangeLock) -> None:
    """Leave the lock to the change; what fails here must not hide why it could not be settled."""
    try:
        run.note(lock=run.step("unlock", lambda: put_back(cluster, ours, held)).message)
    except DataFlowError as error:
        run.note(lock=f"still held by this run: {error}")


def _whole(cluster: DataFlowCluster, run: Recorded, state: ChangeState, ours: ChangeLock) -> str:
    """Why this change may be closed; raises `VerificationFailed` when it may not."""
    found = run.step("check-service", lambda: check_service(cluster))
    if rests(state.kind, found):
        return f"the service is not running, as was ordered ({state.kind})"
    if len(found.containers) < 2 or not all(container.running for container in found.containers):
        _bring_back(cluster, run, state, ours)
    try:
        up = run.step("settle", lambda: settle(cluster))
    except VerificationFailed as error:
        run.note(findings=(*(run.report.findings or ()), down(error.answer)))
        raise
    run.note(service=up)
    proof = _proved(cluster, run, state, ours) if has_reference(cluster, state) else None
    run.note(proof=proof)
    if state.new is not None and not same_images(up, state.new):
        run.note(findings=(*(run.report.findings or ()), not_as_wanted(state, up)))
        return "the service is up, but NOT with the images that the change wanted"
    return f"the service is up; {proof.verdict.summary if proof else 'nothing was recorded to compare with'}"


def _proved(cluster: DataFlowCluster, run: Recorded, state: ChangeState, ours: ChangeLock) -> Proof:
    """Every table against the reference; where rows are missing, nothing may go on working on this data."""
    try:
        now = current(cluster, state.id) or state
        proof: Proof = run.step("verify-row-counts", lambda: prove(cluster, now, None, deep=False))
        return proof
    except VerificationFailed as lost:
        run.note(proof=lost.proof)
        _go_back(cluster, run, ours, "stop", lost, lost.proof)
        raise


def _go_back(
    cluster: DataFlowCluster,
    run: Recorded,
    ours: ChangeLock,
    name: str,
    error: BaseException | None = None,
    proof: Proof | None = None,
) -> Outcome:
    """Find the way back, and go it where `on_failure` asks for it; noted for the report."""
    step, order = recover.with_options(task_run_name=name), run.report.order
    said: Outcome = run.step(name, lambda: step(cluster, ours, f"{run.folder}-{name}", error, proof, order.on_failure))
    run.note(way_back=said.message)
    return said


def _bring_back(cluster: DataFlowCluster, run: Recorded, state: ChangeState, ours: ChangeLock) -> None:
    """Say critically that the service is down, and go the way back where that was asked for; raises when still down."""
    found = f"the service is down since a change died in phase {state.phase}"
    run.note(findings=(*(run.report.findings or ()), down(found)), change=state)
    said = _go_back(cluster, run, ours, "recover")
    if not said.changed or said.details.get("way") == Way.STAY_STOPPED:
        raise VerificationFailed(cluster.server.where, "looking for the service", f"critical: {found}", said.message)


def _late(cluster: DataFlowCluster, run: Recorded, held: ChangeLock, state: ChangeState, why: str) -> None:
    """Store the report that the dead run could not leave; marked late (promise P6)."""
    order = Order(state.kind, cluster.name, False, (), state.requested_by, state.ticket, reason=state.reason)
    known, now = run.report, time.time()
    report = Report(
        order,
        held.holder,
        held.link,
        datetime.fromisoformat(held.since).timestamp(),
        transcript=transcript_of(cluster, held),
        service=known.service,
        proof=known.proof,
        change=current(cluster, state.id) or state,
        ended=now,
        result="late report",
        problem=f"{state.error or 'its run ended without a report'}. {why[0].upper()}{why[1:]}.",
        lock=f"written late, {utc(now)}, by reconcile-data-flow (run {run.id}); the lock was given back",
    )
    leave(report, cluster, prefect_tells(held.run, late=True))


def _given_up(standing: Standing, change: str, cluster: str) -> ChangeState:
    stored = next((state for state in standing.left_open if state.id == change), standing.state)
    if stored is not None:
        return stored
    assert standing.lock is not None  # else `decide` had refused
    return state_of(standing.lock, cluster)
