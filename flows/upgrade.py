"""Upgrade the Data Flow service to the images of the block, with proof that no row was lost."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core.change import ChangeLock, Order
from flows.core.preflight import RULES_UPGRADE
from flows.core.replace import plan, wanted_images
from flows.forms import (
    Cluster,
    Deep,
    DryRun,
    KeepDays,
    OnFailure,
    Outside,
    RequestedBy,
    RequireApproval,
    RequireRehearsal,
    Ticket,
    lowerable,
)
from flows.recorded import Recorded
from flows.replace import replace_service

Lowered = Annotated[list[str], lowerable(*RULES_UPGRADE, others=["upgrade.image-version"])]


@flow(name="upgrade-data-flow", flow_run_name="upgrade {cluster.name}")
def upgrade_data_flow(
    cluster: Cluster,
    requested_by: RequestedBy,
    ticket: Ticket = "",
    dry_run: DryRun = True,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    on_failure: OnFailure = "recover",
    deep: Deep = False,
    keep_days: KeepDays = 0,
    require_approval: RequireApproval = False,
    outside_window: Outside = "refuse",
    require_rehearsal: RequireRehearsal = 0,
) -> State[str]:
    """Upgrade the PortSIP Data Flow service to the images that the cluster's block names.

    Pulls both images while the old version serves, records every table, stops cleanly, keeps a restore point, runs the
    vendor's `upgrade`, and proves table by table that nothing was lost. Calls go on; analytics are away for as long as
    the report states. Upgrade the PBX cluster first. (Guide: Upgrade.)

    Args:
        cluster: The saved cluster to upgrade.
        requested_by: Who wants this change. It stands in the report and in the lock.
        ticket: Number of the ticket or change request.
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
        require_rehearsal: Refuse, unless rehearse-upgrade-data-flow passed with this very ClickHouse image in so many
            days; 0 asks for none.

    Raises:
        PreflightFailed: A finding refuses the change; nothing was changed.
        ChangeLocked: Another change holds the cluster.
        ScriptFailed: The vendor's script failed; the report names the way back.
        ScriptStillRunning: Our waiting ended before the script did; Retry attaches to it.
        VerificationFailed: Rows are missing, or the wrong image runs; the restore point was kept.
    """
    order = Order(
        "upgrade",
        cluster.name,
        dry_run,
        tuple(lowered),
        requested_by,
        ticket,
        deep=deep,
        on_failure=on_failure,
        keep_days=keep_days,
        require_approval=require_approval,
        outside_window=outside_window,
        require_rehearsal=require_rehearsal,
    )
    return change(UPGRADE, cluster, order)


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    replace_service(cluster, run, world, lock, wanted_images)


UPGRADE = Kind(RULES_UPGRADE, lambda snapshot, wish, lowered: plan("upgrade", snapshot, wish, lowered), _carry_out)
