"""Upgrade the Data Flow service to the images of the block, with proof that no row was lost."""

from __future__ import annotations

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core.change import ChangeLock, Order
from flows.core.preflight import RULES_UPGRADE
from flows.core.replace import plan, wanted_images
from flows.recorded import Recorded
from flows.replace import replace_service


@flow(name="upgrade-data-flow", flow_run_name="upgrade {cluster.name}")
def upgrade_data_flow(
    cluster: DataFlowCluster,
    dry_run: bool = True,
    lowered: list[str] = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    on_failure: Literal["recover", "stop"] = "recover",
    deep: bool = False,
    keep_days: Annotated[int, Field(ge=0)] = 0,
    requested_by: str = "",
    ticket: str = "",
) -> State[str]:
    """Upgrade the PortSIP Data Flow service to the images that the cluster's block names.

    Pulls both images while the old version serves, records every table, stops cleanly, keeps a restore point, runs the
    vendor's `upgrade`, and proves table by table that nothing was lost. Calls go on; analytics are away for as long as
    the report states. Upgrade the PBX cluster first. (Guide: Upgrade.)

    Args:
        cluster: The saved cluster to upgrade.
        dry_run: Only look, judge and plan: the report shows what would be done, and nothing is changed.
        lowered: Ids of findings that shall only warn, e.g. host.memory; the report names each of them.
        on_failure: What to do when it fails half way. recover brings the service back where that is safe, and never
            touches data; stop leaves everything as it is. Both say in the report what brings the service back.
        deep: Also compare the content of the tables, and check the files that changed. Reads all data: slow.
        keep_days: After success, remove restore points older than so many days; 0 keeps all. The newest always stays.
        requested_by: Who wants this change. It stands in the report and in the lock.
        ticket: Number of the ticket or change request.

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
    )
    return Completed(message=change(UPGRADE, cluster, order), data=None)


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    replace_service(cluster, run, world, lock, wanted_images)


UPGRADE = Kind(RULES_UPGRADE, lambda snapshot, wish, lowered: plan("upgrade", snapshot, wish, lowered), _carry_out)
