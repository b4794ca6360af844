"""Starting, stopping and restarting the service: the plan, and what the exit codes of its containers mean."""

from __future__ import annotations

from flows.core.change_state import ChangeState
from flows.core.data.verdict import Word
from flows.core.installed import Service, service
from flows.core.plan import Plan, Step
from flows.core.recovery import Way, way_back
from flows.core.script import verb_command
from flows.core.snapshot import Container, Snapshot
from flows.core.wish import Wish, whitelist_addresses

VERBS = ("start", "stop", "restart")
"""The verbs of the vendor's script that change nothing but whether the service runs."""

FAILED = (Word.LOST, Word.MISSING, Word.UNREADABLE, Word.WRONG_DATA_DIR)
"""Verdicts after which nothing should work on the data."""

KILLED = 137
"""Exit code of a process that was killed by signal 9: it had not ended by itself in time."""


def target(wish: Wish) -> str:
    """What the change aims at, in one line: verb, address, data path."""
    return f"{wish.verb} {','.join(whitelist_addresses(wish))}:{wish.data_path}"


def needed(snapshot: Snapshot, wish: Wish) -> bool:
    """Whether the script has to run: a restart always, the others unless the service is as wanted already."""
    found = service(snapshot.docker, wish.data_path)
    running = [container.running for container in found.containers]
    return {"start": not all(running), "stop": any(running)}.get(wish.verb, True)


def already(verb: str) -> str:
    """The words for a service that is as wanted already."""
    return "no container of the service runs" if verb == "stop" else "both containers of the service run"


def plan(snapshot: Snapshot, wish: Wish, lowered: tuple[str, ...]) -> Plan:
    """The ordered steps of this verb in this world."""
    words = " ".join(verb_command(wish.script_name, wish.verb))
    doing = needed(snapshot, wish)
    title = f"on pbx01: cd {wish.script_folder} && {words}" if doing else f"{already(wish.verb)}: leave it alone"
    steps = (*_before(wish, doing), Step(wish.verb, title, doing), *_after(snapshot, wish))
    return Plan(wish.verb, target(wish), steps, rests_on(snapshot, wish, lowered))


def rests_on(snapshot: Snapshot, wish: Wish, lowered: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The facts that a verb's plan rests on: the script, what was lowered, which containers there are."""
    found = service(snapshot.docker, wish.data_path)
    containers = tuple(
        (f"container {c.name}", f"{c.id} {'running' if c.running else 'stopped'}") for c in found.containers
    )
    return (("script", snapshot.script.sha256), ("lowered", ",".join(sorted(lowered))), *containers)


def _before(wish: Wish, doing: bool) -> tuple[Step, ...]:
    if wish.verb == "start" or not doing:
        return ()
    return (Step("record-rows", "record every table while ClickHouse still runs", False),)


def _after(snapshot: Snapshot, wish: Wish) -> tuple[Step, ...]:
    if wish.verb == "stop":
        return (
            Step("verify-stopped", "check that no container runs, note that it was stopped on purpose", False),
            Step("verify-exit-codes", "check that ClickHouse ended by itself", False),
        )
    since = f" (it was {snapshot.known_stop})" if stopped_by(snapshot, wish) else ""
    return (
        Step("settle", f"wait until both containers are seen healthy twice{since}", False),
        Step("verify-row-counts", "compare the tables with what was recorded before, look for the registration", False),
    )


def stopped_by(snapshot: Snapshot, wish: Wish) -> str:
    """The change that stopped what stands there now on purpose; "" when the service runs or nobody knows why not."""
    noted, found = snapshot.known_stop, service(snapshot.docker, wish.data_path)
    return noted.change if noted is not None and noted.explains(found) else ""


def badly_ended(found: Service) -> str:
    """Which containers were stopped by force or crashed, in one sentence; "" when all ended by themselves.

    Of ClickHouse every exit code but 0 is bad. What the writer answers to the polite signal is not documented, so
    there only the death by force counts.
    """
    bad = [_ended(c) for c in found.containers if _bad(c, strict=c is found.clickhouse)]
    return "; ".join(bad)


def endings(found: Service) -> str:
    """How each container ended, in one sentence."""
    return ", ".join(_ended(container) for container in found.containers)


def _bad(container: Container, *, strict: bool) -> bool:
    return container.exit_code != 0 if strict else container.exit_code == KILLED


def _ended(container: Container) -> str:
    how = " (killed: it did not end within its time)" if container.exit_code == KILLED else ""
    return f"{container.name} ended with exit code {container.exit_code}{how}"


def may_start(state: ChangeState, found: Service) -> str:
    """Why what is there must not be started on top of this unfinished change, "" when it may."""
    if state.verdict in FAILED:
        return f"its comparison ended as {state.verdict}: the service is best left stopped"
    if state.kind in VERBS or state.kind in ("remove", "install"):
        return ""  # none of these puts another engine on data that is there
    way = way_back(state, found, script_runs=False, opened=None, verdict=None)
    return "" if way.way in (Way.START, Way.SERVING) else way.why
