"""Rules of start, stop, restart and remove: what a verb of the vendor's script must find, and who confirmed what."""

from __future__ import annotations

from flows.core.change_state import Phase
from flows.core.control import may_start, target
from flows.core.findings import Level
from flows.core.installed import service
from flows.core.preflight.containers import data_path_differs, mount_differs
from flows.core.preflight.rule import known, rule
from flows.core.snapshot import Snapshot
from flows.core.window import is_open, next_start, shown
from flows.core.wish import Wish, unconfirmed

MANAGING = "Managing the Data Flow Server"


@rule(
    "service.containers-missing",
    lowerable=False,
    hint="Where no container is, run install-data-flow; where half of them is, remove-data-flow first; where a change "
    "was left unfinished, reconcile-data-flow. All of them keep the data.",
    guide=MANAGING,
)
def containers_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """start - Start the data flow service (whose containers are there)."""
    docker = snapshot.docker
    if docker.present is not False:
        known(docker.containers, f"the containers of {snapshot.server.name}")
    missing = service(docker, wish.data_path).missing
    if not missing:
        return None
    return f"{snapshot.server.name} has no {' and no '.join(missing)} container on {wish.data_path}"


@rule(
    "service.script-runs",
    lowerable=False,
    hint="Let it end: the run that holds the lock follows it. A second script at the same time would undo the first.",
    guide=MANAGING,
)
def script_runs(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not interrupt the process (of another change, whose script still runs)."""
    lock = snapshot.lock
    if lock is None or not snapshot.script_runs or lock.run == wish.run or lock.target == target(wish):
        return None
    return f"the script of {lock.holder} still runs on {snapshot.control.name}: {lock.link}"


@rule(
    "service.unfinished-change",
    lowerable=False,
    hint="Run rollback-data-flow, or let reconcile-data-flow settle it; giving it up there frees the start.",
    guide=MANAGING,
)
def unfinished_change(snapshot: Snapshot, wish: Wish) -> str | None:
    """start - Start the data flow service (where no older engine would open what a newer one has written)."""
    state = snapshot.unfinished
    if state is None or state.phase is Phase.CLOSED:
        return None
    why = may_start(state, service(snapshot.docker, wish.data_path))
    return f"the unfinished {state.kind} {state.id} speaks against a start: {why}" if why else None


@rule(
    "remove.not-confirmed",
    lowerable=False,
    hint="Type the name of the cluster's block into the parameter `confirm`: the service is down until it is "
    "installed again.",
    guide=MANAGING,
)
def not_confirmed(snapshot: Snapshot, wish: Wish) -> str | None:
    """Removing will stop services and delete the installation; ensure this is done only during maintenance windows."""
    return unconfirmed(wish, "to remove the service")


@rule(
    "remove.data-elsewhere",
    lowerable=False,
    hint="Correct the data path (-p) in the block: only what lies below it is proved to stay.",
    guide=MANAGING,
)
def data_elsewhere(snapshot: Snapshot, wish: Wish) -> str | None:
    """The above operations do not affect or erase existing analytics data (which lies below the data path)."""
    return mount_differs.check(snapshot, wish) or data_path_differs.check(snapshot, wish)


@rule(
    "change.outside-window",
    lowerable=False,
    hint="Wait for the window, or choose for `outside_window`: postpone runs it when the window opens; override, for "
    "what is urgent, does it now, and the report says who asked.",
    guide=MANAGING,
)
def outside_window(snapshot: Snapshot, wish: Wish) -> str | None:
    """Ensure this operation is performed only during maintenance windows."""
    if snapshot.begun or is_open(wish.window, wish.now):
        return None  # what was begun may be finished at any time: half a change is no service
    now, then = (shown(wish.window, moment) for moment in (wish.now, next_start(wish.window, wish.now)))
    return f"it is {now}; changes are made {wish.window}; the window opens next on {then}"


@rule(
    "service.not-stopped-by-us",
    level=Level.NOTE,
    hint="Nothing to do if you know why. Else look at its log first: docker logs, and <data path>/clickhouse/log.",
    guide=MANAGING,
)
def not_stopped_by_us(snapshot: Snapshot, wish: Wish) -> str | None:
    """start - Start the data flow service (which nobody stopped by these flows)."""
    found = service(snapshot.docker, wish.data_path)
    down = [container for container in found.containers if not container.running]
    if not down or (snapshot.known_stop is not None and snapshot.known_stop.explains(found)):
        return None
    ended = ", ".join(f"{c.name} (exit code {c.exit_code})" for c in down)
    return f"no stop that these flows know of explains why this does not run: {ended}"


RULES = (containers_missing, script_runs, unfinished_change, outside_window, not_stopped_by_us)
REMOVE = (not_confirmed, data_elsewhere)
