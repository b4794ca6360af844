"""Remove the Data Flow service by the vendor's script; its data stays, and that is proved."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core import remove
from flows.core.change import ChangeLock, Order, Outcome
from flows.core.installed import Service, service
from flows.core.preflight import RULES_REMOVE
from flows.core.script import verb_command
from flows.forms import Cluster, Confirm, DryRun, Outside, RequestedBy, RequireApproval, Ticket, lowerable
from flows.recorded import Recorded
from flows.tasks.act import run_script
from flows.tasks.removed import record_folders, verify_removed
from flows.tasks.rows import record_rows
from flows.tasks.stopped import forget_stop, stop_service
from flows.tasks.unfinished import close

Lowered = Annotated[list[str], lowerable(*RULES_REMOVE)]


@flow(name="remove-data-flow", flow_run_name="remove {cluster.name}")
def remove_data_flow(
    cluster: Cluster,
    requested_by: RequestedBy,
    ticket: Ticket = "",
    confirm: Confirm = "",
    dry_run: DryRun = True,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    require_approval: RequireApproval = False,
    outside_window: Outside = "refuse",
) -> State[str]:
    """Remove the PortSIP Data Flow service from its server by the vendor's script. WARNING of the vendor's guide:

    Removing the Data Flow server will stop messaging services and delete the Data Flow service installation. Ensure
    this operation is performed only during maintenance windows. (What stops is call history, reports and dashboards;
    calls go on.) Stops both containers cleanly, removes them, and proves that every file of the data stayed. The PBX's
    IP list and token stay too; install-data-flow brings the service back on the same data.

    Args:
        cluster: The saved cluster whose service is removed.
        requested_by: Who wants this change. It stands in the report and in the lock.
        ticket: Number of the ticket or change request.
        confirm: Type the cluster's name here to confirm; without it nothing is removed.
        dry_run: Only look, judge and plan: the report shows what would be done, and nothing is changed.
        lowered: Findings that shall only warn, e.g. host.sudo; the report names each of them.
        require_approval: Show findings and plan, then wait until somebody approves or rejects: ⋮, Resume on the run's
            page. For three days at most; no answer means no. The cluster is free meanwhile, and a plan that changed is
            asked for anew. Not for a dry run.
        outside_window: Outside the cluster's maintenance window, refuse ends the run; postpone orders the same for when
            the window opens, with its approval; override, for what is urgent, goes on, and the report says who asked.

    Raises:
        PreflightFailed: A finding refuses the change, or it was not confirmed; nothing was changed.
        ChangeLocked: Another change holds the cluster.
        ScriptFailed: The vendor's script failed; the report names its transcript.
        ScriptStillRunning: Our waiting ended before the script did; Retry attaches to it.
        VerificationFailed: ClickHouse did not end by itself, a container is left, or a data folder changed.
    """
    order = Order(
        "remove",
        cluster.name,
        dry_run,
        tuple(lowered),
        requested_by,
        ticket,
        confirm=confirm.strip(),
        verb="rm",
        require_approval=require_approval,
        outside_window=outside_window,
    )
    return change(REMOVE, cluster, order)


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    if not remove.needed(world.snapshot, world.wish) and not lock.script:
        run.step("remove", lambda: Outcome("remove", False, "no container of the service is there"))
        return
    state, was = run.begin(lock), service(world.snapshot.docker, world.wish.data_path)
    if not lock.runs and was.containers:
        run.step("record-rows", lambda: record_rows(cluster, state))
        run.unfinished = True
        stopped = run.step("stop-service", lambda: stop_service(cluster))
        ended = stopped if any(container.running for container in was.containers) else Service(None, None)
        run.step("record-folders", lambda: record_folders(cluster, state, ended))
    if lock.runs or was.containers:
        argv = verb_command(world.wish.script_name, "rm")
        run.note(transcript=run.step("remove", lambda: run_script(cluster, lock, run.folder, argv, "remove")))
    run.step("verify-removed", lambda: verify_removed(cluster, state, was))
    run.unfinished = False
    forget_stop(cluster)
    close(cluster, state)


REMOVE = Kind(RULES_REMOVE, remove.plan, _carry_out)
