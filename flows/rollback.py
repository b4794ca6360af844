"""Roll the Data Flow service back to a restore point, with proof, and without deleting anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core.change import ChangeLock, Order
from flows.core.change_state import ChangeState, Phase
from flows.core.installed import same_images, service
from flows.core.preflight import RULES_ROLLBACK
from flows.core.recovery import run_arguments
from flows.core.restore_point import RestorePoint, pinned
from flows.core.rollback import chosen, plan
from flows.core.script import run_command, verb_command
from flows.errors import PreflightFailed, ScriptStillRunning
from flows.forms import Cluster, Confirm, DryRun, Outside, RequestedBy, RequireApproval, Ticket, lowerable, titled
from flows.recorded import Recorded
from flows.tasks.act import run_script
from flows.tasks.look_docker import look_server
from flows.tasks.open import advance
from flows.tasks.prove import prove
from flows.tasks.pull import pull_images
from flows.tasks.rollback import (
    check_data,
    close_rollback,
    containers_left,
    count_rows_since,
    open_rollback,
    put_point_back,
    stop_service,
)
from flows.tasks.settle import settle

_WAY_BACK = (
    "The service stays stopped until the data is proved: press Retry, or order the same rollback again, which goes on "
    "where this one ended. The restore point and the folders that were renamed (`*.failed-*`) are kept on the server."
)

Lowered = Annotated[list[str], lowerable(*RULES_ROLLBACK)]


@flow(name="rollback-data-flow", flow_run_name="roll back {cluster.name}")
def rollback_data_flow(
    cluster: Cluster,
    requested_by: RequestedBy,
    ticket: Ticket = "",
    restore_point: Annotated[str, titled("Restore point")] = "",
    confirm: Confirm = "",
    dry_run: DryRun = True,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    require_approval: RequireApproval = False,
    outside_window: Outside = "refuse",
) -> State[str]:
    """Put the data of a restore point back and run the images that it was written with.

    Shows how much was written since, stops the service, renames the data that is there, puts the point in its place,
    lets the old ClickHouse alone read it, and starts the writer only when every table is as it was recorded. What was
    written since stays on the server in the renamed folder. (Guide: Operational Notes.)

    Args:
        cluster: The saved cluster to roll back.
        requested_by: Who wants this change. It stands in the report and in the lock.
        ticket: Number of the ticket or change request.
        restore_point: Id of the point, from the report of a change. Empty takes that of the unfinished change, else
            the newest.
        confirm: The cluster's name, typed: what was written since the point is set aside.
        dry_run: Only look, judge and plan: the report shows what would be done, and nothing is changed.
        lowered: Findings that shall only warn, e.g. rollback.pbx-version; the report names each of them.
        require_approval: Show findings and plan, then wait until somebody approves or rejects: ⋮, Resume on the run's
            page. For three days at most; no answer means no. The cluster is free meanwhile, and a plan that changed is
            asked for anew. Not for a dry run.
        outside_window: Outside the cluster's maintenance window, refuse ends the run; postpone orders the same for when
            the window opens, with its approval; override, for what is urgent, goes on, and the report says who asked.

    Raises:
        PreflightFailed: A finding refuses the change; nothing was changed.
        ChangeLocked: Another change holds the cluster.
        ScriptFailed: The vendor's script failed; the report names the way on.
        ScriptStillRunning: Our waiting ended before the script did; Retry attaches to it.
        VerificationFailed: The data that was put back is not what was recorded; the service stays stopped.
    """
    since = count_rows_since(cluster, restore_point.strip())
    order = Order(
        "rollback",
        cluster.name,
        dry_run,
        tuple(lowered),
        requested_by,
        ticket,
        confirm=confirm.strip(),
        restore_point=restore_point.strip(),
        rows_since=since,
        require_approval=require_approval,
        outside_window=outside_window,
    )
    return change(ROLLBACK, cluster, order)


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    point = chosen(world.snapshot, world.wish)
    assert point is not None  # the rules refuse before
    images = tuple(image.digest or image.reference for image in pinned(point.images).values())
    if lock.runs:
        _call(
            cluster,
            run,
            lock,
            "attach",
            run_command(world.wish.script_name, run_arguments(point.recorded, point.images)),
        )
        lock = replace(lock, runs=False)
    run.step("pull-image", lambda: pull_images(cluster, images, True))
    wanted = run.begin(lock, id=run.id, recorded=point.recorded, on_failure="stop")
    state, lock = run.step("open-change", lambda: open_rollback(cluster, lock, wanted, point))
    run.note(change=state)
    try:
        _back(cluster, run, world, lock, state, point)
    except (ScriptStillRunning, PreflightFailed):
        raise
    except Exception:
        run.note(way_back=_WAY_BACK)
        raise


def _back(
    cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock, state: ChangeState, point: RestorePoint
) -> None:
    name = world.wish.script_name
    run.unfinished = True
    if not state.phase.reached(Phase.SCRIPT):  # behind it the writer may have run: nothing is put back twice
        state = run.step("stop-service", lambda: stop_service(cluster, state))
        if containers_left(cluster):
            _call(cluster, run, lock, "remove-containers", verb_command(name, "rm"))
        run.step("put-back", lambda: put_point_back(cluster, state, point))
        run.note(proof=run.step("check-data", lambda: check_data(cluster, state, point)))
        state = advance(cluster, state, Phase.SCRIPT)
    run.note(change=state)
    if not same_images(service(look_server(cluster), cluster.data_path), point.images):
        _call(cluster, run, lock, "recreate", run_command(name, run_arguments(point.recorded, point.images)))
    run.note(service=run.step("settle", lambda: settle(cluster)))
    state = advance(cluster, state, Phase.STARTED)
    proof = run.step("verify-row-counts", lambda: prove(cluster, state, None, deep=False, images=point.images))
    state = replace(state, phase=Phase.VERIFIED, verdict=str(proof.verdict.word))
    run.note(proof=proof, change=run.step("close-change", lambda: close_rollback(cluster, state)))
    run.unfinished = False


def _call(cluster: DataFlowCluster, run: Recorded, lock: ChangeLock, step: str, argv: list[str]) -> None:
    folder = f"{run.folder}-{step}"
    run.note(transcript=run.step(step, lambda: run_script(cluster, lock, folder, argv, step)))


ROLLBACK = Kind(RULES_ROLLBACK, plan, _carry_out)
