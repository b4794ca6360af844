"""The spine of every change: look, judge, plan, lock, look again, carry out, unlock, report.

A flow gives it the rules that apply, the function that plans and the steps; the order is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from prefect import Task, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks.cluster import DataFlowCluster
from flows.approval import answer_key, approve, refuse_without_deployment
from flows.core.baseline import MAKE_CONTAINERS
from flows.core.change import ChangeLock, Order
from flows.core.fit import FINDINGS as FIT
from flows.core.plan import Plan
from flows.core.preflight import Rule, applicable, is_outside, judge, ordered
from flows.core.rehearsal_room import FINDINGS as ROOM
from flows.core.run_name import run_name
from flows.core.snapshot import Snapshot
from flows.core.window import next_start
from flows.core.wish import Wish
from flows.core.words import utc
from flows.errors import DataFlowError, PreflightFailed
from flows.recorded import Recorded, recorded
from flows.tasks.baseline import record_baseline
from flows.tasks.change_lock import acquire_lock, release_lock
from flows.tasks.look import look
from flows.tasks.postpone import postpone
from flows.tasks.preflight import preflight, wish_of

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """What a change decides by: the cluster as it was seen, and as it is wished."""

    snapshot: Snapshot
    wish: Wish


@dataclass(frozen=True)
class Kind:
    """What one kind of change adds to the spine; all pure but `carry_out`, which calls the tasks that change."""

    rules: tuple[Rule, ...]
    plan: Callable[[Snapshot, Wish, tuple[str, ...]], Plan]
    carry_out: Callable[[DataFlowCluster, Recorded, World, ChangeLock], None]


def change(kind: Kind, cluster: DataFlowCluster, order: Order) -> State[str]:
    """Run one change to its end; returns the run's state with its summary. Whatever happens, a report is left (P6).

    Raises `PreflightFailed` before anything was changed, `ChangeLocked`, or what the failing step raised.
    """
    with recorded(cluster, order) as run:
        refuse_without_deployment(cluster, order)
        world, plan = _plan(kind, cluster, run)
        run.rename(run_name(order, world.snapshot, world.wish))
        if order.dry_run:
            return Completed(message=run.summary, data=None)
        asking = order.require_approval and plan.changes
        if asking and (other := approve(cluster, run, plan, begun=_begun(run, world))):
            return _left(run, "asked already", f"{other} waits for the approval of the same plan")
        if order.outside_window == "postpone" and is_outside(run.report.findings or ()):
            return _postponed(run, world, plan)
        lock = run.step("lock", lambda: acquire_lock(cluster, _wanted(run, plan, world)))
        resumed = run.unfinished = bool(lock.script)
        try:
            world, again = _plan(kind, cluster, run, again=True)
            if not resumed:  # else our own script may have changed something meanwhile
                _same(cluster, plan, again)
            kind.carry_out(cluster, run, world, lock)
            if order.kind in MAKE_CONTAINERS:
                report = run.report
                run.step("baseline", lambda: record_baseline(cluster, run.id, report.run_link, order.kind))
        except BaseException:
            _unlock(cluster, run, lock, failed=True)
            raise
        _unlock(cluster, run, lock)
        return Completed(message=run.summary, data=None)


def _begun(run: Recorded, world: World) -> bool:
    lock = world.snapshot.lock
    return world.snapshot.begun and lock is not None and lock.run == run.id


def _postponed(run: Recorded, world: World, plan: Plan) -> State[str]:
    """Order the same once more for the next opening of the window, and end: an approval goes with it."""
    starts, name = next_start(world.wish.window, world.wish.now), run.report.run_name
    later = run.step("postpone", lambda: postpone(run.id, name, starts, answer_key(plan)))
    return _left(run, "postponed", f"postponed: {later.message}")


def _left(run: Recorded, result: str, waits: str) -> State[str]:
    """End a run that leaves it to another one."""
    run.note(result=result, waits=waits)
    return Completed(name=result.capitalize(), message=run.summary, data=None)


def _unlock(cluster: DataFlowCluster, run: Recorded, lock: ChangeLock, *, failed: bool = False) -> None:
    """Give the lock back; it stays, marked, while the service may be half changed. An earlier error is not hidden."""
    try:
        unlocked = run.step("unlock", lambda: release_lock(cluster, lock, unfinished=run.unfinished))
        run.note(lock=f"{unlocked.message}; change `{lock.change}`")
    except DataFlowError as error:
        run.note(lock=f"still held by this run: {error}")
        if not failed:
            raise


def _plan(kind: Kind, cluster: DataFlowCluster, run: Recorded, *, again: bool = False) -> tuple[World, Plan]:
    """Look, show every finding, refuse or plan; the second time under the lock, and without repeating itself."""
    order = run.report.order
    snapshot = run.step("look again" if again else "look", lambda: _named(look, again)(cluster))
    wish = wish_of(cluster, snapshot.taken_at, order, run.id)
    rules = applicable(ordered(kind.rules, order, locked=again), snapshot, wish)
    found = judge(snapshot, wish, rules, order.lowered, {**FIT, **ROOM})
    run.note(findings=found, requirements=wish.requirements.source)
    judged = "preflight again" if again else "preflight"
    run.step(judged, lambda: _named(preflight, again)(cluster.name, found, len(rules), quiet=again))
    plan = kind.plan(snapshot, wish, order.lowered)
    run.note(plan=plan)
    if not again:
        get_run_logger().info("Plan %s: %s.", plan.hash, "; ".join(step.title for step in plan.steps))
    return World(snapshot, wish), plan


def _named(step: Task[P, T], again: bool) -> Task[P, T]:
    return step.with_options(task_run_name=f"{step.name} again") if again else step


def _wanted(run: Recorded, plan: Plan, world: World) -> ChangeLock:
    report = run.report
    return ChangeLock(
        run=run.id,
        holder=f"{report.run_name}, requested by {report.order.requested_by or 'nobody named'}",
        since=utc(report.started),
        link=report.run_link,
        kind=plan.kind,
        target=plan.target,
        phase="preparing",
        boot_id=world.snapshot.control.boot_id or "",
        change=run.folder,
    )


def _same(cluster: DataFlowCluster, plan: Plan, again: Plan) -> None:
    if plan.hash == again.hash:
        return
    before, after = (
        {f"{s.task}: {s.title}" for s in p.steps} | {" ".join(r) for r in p.rests_on} for p in (plan, again)
    )
    gone, new = ("; ".join(sorted(items)) or "nothing" for items in (before - after, after - before))
    answer = f"plan {plan.hash} became {again.hash}. Gone: {gone}. New: {new}"
    hint = "Somebody changed the cluster between the look and the lock. Nothing was changed by us; press Retry."
    raise PreflightFailed(cluster.name, "looking again under the lock", answer, hint)
