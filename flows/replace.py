"""The steps that upgrade and recreate share: everything ready first, the least downtime, and proof at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from blocks.cluster import DataFlowCluster
from flows.change import World
from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState, Phase
from flows.core.installed import same_images, service
from flows.core.replace import Call, arguments, calls, recorded
from flows.core.script import run_command
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish
from flows.errors import PreflightFailed, ScriptStillRunning
from flows.recorded import Recorded
from flows.tasks.act import run_script
from flows.tasks.keep import restore_point
from flows.tasks.look_docker import look_server
from flows.tasks.open import advance, open_change
from flows.tasks.prepare import token
from flows.tasks.prove import prove
from flows.tasks.pull import pull_images
from flows.tasks.quiesce import quiesce
from flows.tasks.settle import settle
from flows.tasks.stop import stop_clickhouse, stop_writer
from flows.tasks.tidy import tidy
from flows.tasks.watch import Watch
from flows.way_back import go_back

Pick = Callable[[Snapshot, Wish], tuple[str, str]]


def replace_service(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock, pick: Pick) -> None:
    """Replace both containers by those of the images that `pick` names; a failure is followed by the way back."""
    images = pick(world.snapshot, world.wish)
    run.step("pull-image", lambda: pull_images(cluster, images, True))
    state = _opened(cluster, run, world, lock, images)
    run.note(change=state)
    if _nothing_to_do(run, world, lock, state):
        run.note(service=run.step("settle", lambda: settle(cluster)))
        return
    if world.wish.new_token and not state.phase.reached(Phase.STOPPING):
        run.step("token", lambda: token(cluster, True))
    try:
        with Watch(cluster, state.id) as watch:
            _carry_on(cluster, run, world, lock, state, watch)
            run.note(downtime=watch.down)
    except (ScriptStillRunning, PreflightFailed):
        raise
    except Exception as error:
        go_back(cluster, run, lock, error)
        raise


def _opened(
    cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock, images: tuple[str, str]
) -> ChangeState:
    wanted = run.begin(lock, recorded=recorded(world.snapshot))
    version, order = world.snapshot.pbx.version, run.report.order
    days = order.require_rehearsal
    return run.step("open-change", lambda: open_change(cluster, wanted, images, version, order.lowered, days))


def _nothing_to_do(run: Recorded, world: World, lock: ChangeLock, state: ChangeState) -> bool:
    """An upgrade to what runs already; a recreate is always done, and a change that has begun is always finished."""
    if run.report.order.kind != "upgrade" or lock.runs or state.phase.reached(Phase.STOPPING) or state.new is None:
        return False
    return same_images(service(world.snapshot.docker, world.wish.data_path), state.new)


def _carry_on(
    cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock, state: ChangeState, watch: Watch
) -> None:
    deep = run.report.order.deep
    if not lock.runs and not state.phase.reached(Phase.STARTED):
        state = run.step("quiesce", lambda: quiesce(cluster, state, deep=deep))
        run.unfinished = True
        state = run.step("stop-writer", lambda: stop_writer(cluster, state, deep=deep))
        state = run.step("stop-clickhouse", lambda: stop_clickhouse(cluster, state))
        state = run.step("restore-point", lambda: restore_point(cluster, state))
    run.unfinished = True
    run.note(change=state)
    watch.expect()
    state = _script(cluster, run, world, lock, state)
    run.note(service=run.step("settle", lambda: settle(cluster)))
    state = advance(cluster, state, Phase.STARTED, up_at=watch.up_at)
    proof = run.step("verify-row-counts", lambda: prove(cluster, state, watch.early, deep=deep, images=state.new))
    run.note(proof=replace(proof, downtime=watch.down))
    run.note(change=advance(cluster, state, Phase.CLOSED, verdict=str(proof.verdict.word)))
    run.unfinished = False
    run.note(points=run.step("restore-points", lambda: tidy(cluster, run.report.order.keep_days)))


def _script(cluster: DataFlowCluster, run: Recorded, world: World, lock: ChangeLock, state: ChangeState) -> ChangeState:
    """Attach to the script that still runs, then make the calls that are left to make."""
    if state.phase.reached(Phase.STARTED):
        return state
    state = advance(cluster, state, Phase.SCRIPT)
    if attached := lock.runs:
        words = run_command(world.wish.script_name, arguments(state.recorded, world.wish, _references(state)))
        _call(cluster, run, lock, Call("attach", tuple(words)))
        lock = replace(lock, runs=False)
    for call in _left(cluster, world, state, attached):
        _call(cluster, run, lock, call)
    return state


def _call(cluster: DataFlowCluster, run: Recorded, lock: ChangeLock, call: Call) -> None:
    folder, words = f"{run.folder}-{call.step}", list(call.argv)
    run.note(transcript=run.step(call.step, lambda: run_script(cluster, lock, folder, words, call.step)))


def _left(cluster: DataFlowCluster, world: World, state: ChangeState, attached: bool) -> tuple[Call, ...]:
    """The calls that are still to be made; a script that was attached to may have done everything."""
    docker = look_server(cluster)
    done = state.new is not None and same_images(service(docker, cluster.data_path), state.new)
    if done and (attached or state.kind == "upgrade"):
        return ()
    return calls(state.kind, replace(world.snapshot, docker=docker), world.wish, _references(state))


def _references(state: ChangeState) -> tuple[str, str]:
    assert state.new is not None
    return state.new.pbx.reference, state.new.clickhouse.reference
