"""Start, stop or restart the Data Flow service by the vendor's script, and prove how that ended."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core import control
from flows.core.change import ChangeLock, Order, Outcome
from flows.core.change_state import ChangeState
from flows.core.installed import service
from flows.core.preflight import RULES_CONTROL
from flows.core.script import verb_command
from flows.forms import Cluster, DryRun, Outside, RequestedBy, RequireApproval, Ticket, lowerable, titled
from flows.recorded import Recorded
from flows.tasks.act import run_script
from flows.tasks.prove import prove
from flows.tasks.rows import adopt_reference, record_rows
from flows.tasks.settle import settle
from flows.tasks.stopped import forget_stop, verify_exit_codes, verify_stopped
from flows.tasks.unfinished import close
from flows.tasks.verify import verify

Verb = Literal["start", "stop", "restart"]

Lowered = Annotated[list[str], lowerable(*chain.from_iterable(RULES_CONTROL.values()))]


@flow(name="control-data-flow", flow_run_name="{verb} {cluster.name}")
def control_data_flow(
    cluster: Cluster,
    verb: Annotated[Verb, titled("What to do")],
    requested_by: RequestedBy,
    ticket: Ticket = "",
    dry_run: DryRun = True,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    require_approval: RequireApproval = False,
    outside_window: Outside = "refuse",
) -> State[str]:
    """Start, stop or restart the PortSIP Data Flow service by the vendor's script on `pbx01`.

    Where the service is as wanted already, nothing is done. A stop records every table first and checks that ClickHouse
    ended by itself; the next start compares every table with that. A start may bring back what an unfinished change
    left stopped. Calls go on; analytics are away while the service is stopped. (Guide: Managing the Data Flow Server.)

    Args:
        cluster: The saved cluster whose service is meant.
        verb: start, stop or restart.
        requested_by: Who wants this change. It stands in the report, in the lock, and in the note of a stop.
        ticket: Number of the ticket or change request.
        dry_run: Only look, judge and plan: the report shows what would be done, and nothing is changed.
        lowered: Findings that shall only warn, e.g. host.sudo; the report names each of them.
        require_approval: Show findings and plan, then wait until somebody approves or rejects: ⋮, Resume on the run's
            page. For three days at most; no answer means no. The cluster is free meanwhile, and a plan that changed is
            asked for anew. Not for a dry run.
        outside_window: Outside the cluster's maintenance window, refuse ends the run; postpone orders the same for when
            the window opens, with its approval; override, for what is urgent, goes on, and the report says who asked.
            A start is right at any time: no window refuses it.

    Raises:
        PreflightFailed: A finding refuses the change; nothing was changed.
        ChangeLocked: Another change holds the cluster.
        ScriptFailed: The vendor's script failed; the report names its transcript.
        ScriptStillRunning: Our waiting ended before the script did; Retry attaches to it.
        VerificationFailed: The service is not as it should be, was killed at the stop, or rows are missing.
    """
    order = Order(
        verb,
        cluster.name,
        dry_run,
        tuple(lowered),
        requested_by,
        ticket,
        verb=verb,
        require_approval=require_approval,
        outside_window=outside_window,
    )
    return change(KINDS[verb], cluster, order)


def _stop(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    doing = control.needed(world.snapshot, world.wish)
    state = run.begin(lock)
    if doing and not lock.runs:
        run.step("record-rows", lambda: record_rows(cluster, state))
    _script(cluster, run, world, lock, doing)
    noted, ticket = world.snapshot.known_stop, run.report.order.ticket
    found = run.step("verify-stopped", lambda: verify_stopped(cluster, lock, ticket, noted))
    run.note(service=found)
    run.unfinished = False
    close(cluster, state)
    if doing or lock.runs:
        run.step("verify-exit-codes", lambda: verify_exit_codes(cluster.server.where, found))


def _start(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    state = run.begin(lock, id=run.folder)
    if lock.change not in ("", run.folder):
        run.unfinished = True
    known = adopt_reference(cluster, state, lock.change, control.stopped_by(world.snapshot, world.wish))
    _script(cluster, run, world, lock, control.needed(world.snapshot, world.wish))
    _serving(cluster, run, world, state, known)
    close(cluster, state, lock.change)


def _restart(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    state = run.begin(lock)
    known = run.step("record-rows", lambda: record_rows(cluster, state))
    known = known or adopt_reference(cluster, state, control.stopped_by(world.snapshot, world.wish))
    _script(cluster, run, world, lock, True)
    _serving(cluster, run, world, state, known)
    close(cluster, state)


def _script(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock, doing: bool) -> None:
    """Let the vendor's script do it, or follow the one that this change started before."""
    verb = world.wish.verb
    if not doing and not lock.runs:
        run.step(verb, lambda: Outcome(verb, False, control.already(verb)))
        return
    run.unfinished = True
    argv = verb_command(world.wish.script_name, verb)
    run.note(transcript=run.step(verb, lambda: run_script(cluster, lock, run.folder, argv, verb)))


def _serving(cluster: DataFlowCluster, run: Recorded, world: World, state: ChangeState, known: bool) -> None:
    """Wait until it serves, and compare every table with what is known of it; without that, read what is there."""
    found = run.step("settle", lambda: settle(cluster))
    run.note(service=found)
    forget_stop(cluster)
    if known:
        run.note(proof=run.step("verify-row-counts", lambda: prove(cluster, state, None, deep=False)))
    else:
        there = service(world.snapshot.docker, world.wish.data_path)
        wanted = {c.image: c.image_id for c in (there.dataflow, there.clickhouse) if c is not None}
        run.note(tables=run.step("verify-row-counts", lambda: verify(cluster, wanted)))
    run.unfinished = False


KINDS = {
    "start": Kind(RULES_CONTROL["start"], control.plan, _start),
    "stop": Kind(RULES_CONTROL["stop"], control.plan, _stop),
    "restart": Kind(RULES_CONTROL["restart"], control.plan, _restart),
}
