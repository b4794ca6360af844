"""Recreate the Data Flow service with its recorded parameters, with proof that no row was lost."""

from __future__ import annotations

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core import fit
from flows.core.change import ChangeLock, Order
from flows.core.preflight import RULES_RECREATE
from flows.core.replace import plan, recorded_images
from flows.forms import (
    Cluster,
    Deep,
    DryRun,
    KeepDays,
    NewToken,
    OnFailure,
    Outside,
    RequestedBy,
    RequireApproval,
    Ticket,
    lowerable,
    titled,
)
from flows.recorded import Recorded
from flows.replace import replace_service

Reason = Literal["PBX address changed", "new token", "PBX upgraded", "other"]

Lowered = Annotated[list[str], lowerable(*RULES_RECREATE, others=fit.FINDINGS)]


@flow(name="recreate-data-flow", flow_run_name="recreate {cluster.name}")
def recreate_data_flow(
    cluster: Cluster,
    requested_by: RequestedBy,
    ticket: Ticket = "",
    reason: Annotated[Reason, titled("Reason")] = "other",
    explanation: Annotated[str, titled("Explanation")] = "",
    new_token: NewToken = False,
    dry_run: DryRun = True,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    on_failure: OnFailure = "recover",
    deep: Deep = False,
    keep_days: KeepDays = 0,
    require_approval: RequireApproval = False,
    outside_window: Outside = "refuse",
) -> State[str]:
    """Remove the containers of the PortSIP Data Flow service and make them anew, as its guide asks for in three cases.

    The PBX's address changed, a new token was generated, or the PBX was upgraded. The recorded parameters and the
    present images are used again, data stays where it is, and every table is proved to hold what it held. Calls go on;
    analytics are away for the downtime that the report states. (Guide: Operational Notes.)

    Args:
        cluster: The saved cluster whose service is recreated.
        requested_by: Who wants this change. It stands in the report and in the lock.
        ticket: Number of the ticket or change request.
        reason: Why; it stands in the report.
        explanation: The reason in your words, e.g. the old and the new address.
        new_token: Generate a new Data Flow token first; the old one ends. The report shows only its fingerprint.
        dry_run: Only look, judge and plan: the report shows what would be done, and nothing is changed.
        lowered: Findings that shall only warn, e.g. host.memory; the report names each of them.
        on_failure: What to do when it fails half way. recover brings the service back where that is safe, and never
            touches data; stop leaves everything as it is. Both say in the report what brings the service back.
        deep: Also compare the content of the tables, and check the files that changed. Reads all data: slow.
        keep_days: After success, remove restore points older than so many days; 0 keeps all. The newest always stays.
        require_approval: Show findings and plan, then wait until somebody approves or rejects: ⋮, Resume on the run's
            page. For three days at most; no answer means no. The cluster is free meanwhile, and a plan that changed is
            asked for anew. Not for a dry run.
        outside_window: Outside the cluster's maintenance window, refuse ends the run; postpone orders the same for when
            the window opens, with its approval; override, for what is urgent, goes on, and the report says who asked.

    Raises:
        PreflightFailed: A finding refuses the change; nothing was changed.
        ChangeLocked: Another change holds the cluster.
        ScriptFailed: The vendor's script failed; the report names the way back.
        ScriptStillRunning: Our waiting ended before the script did; Retry attaches to it.
        VerificationFailed: Rows are missing, or the wrong image runs; the restore point was kept.
    """
    order = Order(
        "recreate",
        cluster.name,
        dry_run,
        tuple(lowered),
        requested_by,
        ticket,
        new_token=new_token,
        reason=f"{reason}: {explanation}" if explanation else reason,
        deep=deep,
        on_failure=on_failure,
        keep_days=keep_days,
        require_approval=require_approval,
        outside_window=outside_window,
    )
    return change(RECREATE, cluster, order)


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    replace_service(cluster, run, world, lock, recorded_images)


RECREATE = Kind(RULES_RECREATE, lambda snapshot, wish, lowered: plan("recreate", snapshot, wish, lowered), _carry_out)
