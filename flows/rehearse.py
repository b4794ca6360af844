"""Rehearse an upgrade: the new ClickHouse opens a linked copy of the data, without a second of downtime."""

from __future__ import annotations

import time
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State

from blocks.cluster import DataFlowCluster
from flows.change import Kind, World, change
from flows.core.change import ChangeLock, Order
from flows.core.installed import service
from flows.core.preflight import RULES_REHEARSE
from flows.core.rehearsal_report import plan, section
from flows.core.rehearsal_room import FINDINGS, cpus
from flows.core.rehearsal_seen import Copy, Held
from flows.core.restore_point import new_id
from flows.errors import DataFlowError, VerificationFailed
from flows.forms import Cluster, RequestedBy, Ticket, lowerable
from flows.recorded import Recorded
from flows.tasks.pull import pull_images
from flows.tasks.rehearsal_copy import compare_shared, copy_data, copy_stopped, look_for_room, remove_rehearsal
from flows.tasks.rehearsal_engine import open_copy, open_with_old
from flows.tasks.rehearsal_record import judge_copy, record_rehearsal

Lowered = Annotated[list[str], lowerable(*RULES_REHEARSE, others=FINDINGS)]


@flow(name="rehearse-upgrade-data-flow", flow_run_name="rehearse {cluster.name}")
def rehearse_upgrade_data_flow(
    cluster: Cluster,
    requested_by: RequestedBy,
    ticket: Ticket = "",
    lowered: Lowered = [],  # noqa: B006 - Prefect makes the form of it; nobody changes it
) -> State[str]:
    """Try whether the data survives the ClickHouse image that the cluster's block names, while the service serves.

    Links a copy of the data beside it, opens that with the new image in a container without network, compares every
    table part by part as an upgrade does, tells what would not go back, and removes everything again, however it ends.
    A service that is stopped stays so: the image it was stopped with opens the copy first, to know what is in it.
    The files that copy and service share are not written: the kernel forbids it, and they are compared afterwards.

    Args:
        cluster: The saved cluster whose upgrade is meant.
        requested_by: Who wants this. It stands in the report and in the lock, which keeps changes away meanwhile.
        ticket: Number of the ticket or change request.
        lowered: Findings that shall only warn, e.g. rehearsal.server-busy; the report names each of them.

    Raises:
        PreflightFailed: The server has no room, memory or time for it, or a rule refuses; nothing was done.
        ChangeLocked: A change holds the cluster.
        VerificationFailed: The new ClickHouse does not start on this data, or does not read every row of it.
    """
    return change(REHEARSE, cluster, Order("rehearse", cluster.name, False, tuple(lowered), requested_by, ticket))


def _carry_out(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock) -> None:
    order, vcpu, image = run.report.order, world.snapshot.server.vcpu or 1, world.wish.clickhouse_image
    run.step("remove-rehearsal", lambda: remove_rehearsal(cluster))  # of a worker that was killed
    found = run.step("room", lambda: look_for_room(cluster, vcpu, order.lowered))
    run.note(findings=(*(run.report.findings or ()), *found))
    run.step("pull-image", lambda: pull_images(cluster, (image,), True))
    name, failed = new_id(run.id, time.time()), True
    try:
        _rehearse(cluster, run, name, world)
        failed = False
    finally:
        _remove(cluster, run, name, failed)


def _rehearse(cluster: DataFlowCluster, run: Recorded, name: str, world: World) -> None:
    share = cpus(world.snapshot.server.vcpu or 1)
    old = service(world.snapshot.docker, world.wish.data_path).clickhouse
    stopped = old.image_id if old and not old.running else ""
    copy, held = _copy(cluster, run, name, stopped, share)
    opened = run.step("open-copy", lambda: open_copy(cluster, copy, share))
    serving = None if stopped else held.before
    shared = run.step("compare-shared", lambda: compare_shared(cluster, name, serving))
    proof, trouble = run.step("verify-row-counts", lambda: judge_copy(held, opened))
    run.note(proof=proof if opened.data else None, rehearsal=section(copy, held, opened, shared, share))
    who = (run.id, run.report.run_link)
    run.step("record-rehearsal", lambda: record_rehearsal(cluster, name, opened, proof, trouble, who))
    if trouble:
        tried = f"opening a copy of the data with {opened.image.reference}"
        hint = "The service was not touched. Do not upgrade to this image before the cause is settled."
        raise VerificationFailed(cluster.server.where, tried, trouble, hint, proof)


def _copy(cluster: DataFlowCluster, run: Recorded, name: str, stopped: str, share: float) -> tuple[Copy, Held]:
    """A ClickHouse that serves tells what it holds; of one that is stopped, its image reads that in the copy."""
    if not stopped:
        return run.step("copy-data", lambda: copy_data(cluster, name))
    copy = run.step("copy-data", lambda: copy_stopped(cluster, name))
    return copy, run.step("open-with-old", lambda: open_with_old(cluster, copy, stopped, share))


def _remove(cluster: DataFlowCluster, run: Recorded, name: str, failed: bool) -> None:
    """Whatever happened, nothing is left on the server; an earlier error is not hidden."""
    try:
        run.step("remove-rehearsal", lambda: remove_rehearsal(cluster, name))
    except DataFlowError:
        if not failed:
            raise


REHEARSE = Kind(RULES_REHEARSE, plan, _carry_out)
