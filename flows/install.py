"""Install the Data Flow service on its server: the guide's Steps 1 to 5 as one flow."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core import install
from flows.core.change import ChangeLock, Order
from flows.core.installed import Installed
from flows.core.preflight import RULES_INSTALL
from flows.core.preflight.install import state
from flows.core.script import run_command
from flows.core.wish import pbx_image
from flows.forms import Cluster, DryRun, NewToken, Outside, RequestedBy, RequireApproval, Ticket, lowerable
from flows.recorded import Recorded
from flows.tasks.act import recreate
from flows.tasks.prepare import ssh_key, token, whitelist
from flows.tasks.pull import pull_images
from flows.tasks.settle import settle
from flows.tasks.verify import verify

Lowered = Annotated[list[str], lowerable(*RULES_INSTALL)]


@flow(name="install-data-flow", flow_run_name="install {cluster.name}")
def install_data_flow(
    cluster: Cluster,
    requested_by: RequestedBy,
    ticket: Ticket = "",
    dry_run: DryRun = True,
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
    new_token: NewToken = False,
    require_approval: RequireApproval = False,
    outside_window: Outside = "refuse",
) -> State[str]:
    """Install the PortSIP Data Flow service on its own server, as the vendor's guide says, checked and proved.

    Checks every rule of the guide first and refuses before the first change. Then: whitelist entry, token,
    SSH key, image pull, the vendor's script on `pbx01`, and the proof that the service is healthy. Run again, it
    changes nothing. Calls go on; analytics are not there until the end. (Guide, Steps 1 to 5.)

    Args:
        cluster: The saved cluster to install on.
        requested_by: Who wants this change. It stands in the report and in the lock.
        ticket: Number of the ticket or change request.
        dry_run: Only look, judge and plan: the report shows what would be done, and nothing is changed.
        lowered: Findings that shall only warn, e.g. host.memory; the report names each of them.
        new_token: Generate a new Data Flow token although there is one. Only for a server without the service.
        require_approval: Show findings and plan, then wait until somebody approves or rejects: ⋮, Resume on the run's
            page. For three days at most; no answer means no. The cluster is free meanwhile, and a plan that changed is
            asked for anew. Not for a dry run.
        outside_window: Outside the cluster's maintenance window, refuse ends the run; postpone orders the same for when
            the window opens, with its approval; override, for what is urgent, goes on, and the report says who asked.

    Raises:
        PreflightFailed: A finding refuses the change; nothing was changed.
        ChangeLocked: Another change holds the cluster.
        ScriptFailed: The vendor's script failed; the report names its transcript.
        ScriptStillRunning: Our waiting ended before the script did; Retry attaches to it.
        VerificationFailed: The service is not as it should be.
    """
    order = Order(
        "install",
        cluster.name,
        dry_run,
        tuple(lowered),
        requested_by,
        ticket,
        new_token,
        require_approval=require_approval,
        outside_window=outside_window,
    )
    return change(INSTALL, cluster, order)


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    snapshot, wish = world.snapshot, world.wish
    needed = state(snapshot, wish) is not Installed.COMPLETE
    images = (pbx_image(snapshot, wish), wish.clickhouse_image)
    run.step("whitelist", lambda: whitelist(cluster, wish))
    run.step("token", lambda: token(cluster, run.report.order.new_token))
    run.step("ssh-key", lambda: ssh_key(cluster))
    pulled = run.step("pull-image", lambda: pull_images(cluster, images, needed))
    argv = run_command(wish.script_name, install.arguments(snapshot, wish))
    run.unfinished = run.unfinished or needed
    run.note(transcript=run.step("recreate", lambda: recreate(cluster, lock, run.folder, argv, needed)))
    run.note(service=run.step("settle", lambda: settle(cluster)))
    run.unfinished = False
    wanted = {reference: pulled.details.get(reference, "").partition(" ")[0] for reference in images}
    run.note(tables=run.step("verify-row-counts", lambda: verify(cluster, wanted)))


INSTALL = Kind(RULES_INSTALL, install.plan, _carry_out)
