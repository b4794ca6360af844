"""The way back after a change that failed or whose run died: which one holds, and the commands for it (promise P5).

The rule that no cleverness overrides (design.md 11): an older engine never starts on a folder that a newer one may have
opened, because it would detach parts in silence. So the recorded images are taken only when it is known that nothing
opened the folder since the restore point; in every other case the way is forward, or the service stays stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from shlex import join, quote

from flows.core.change_state import ChangeState, Images, Phase
from flows.core.data.verdict import Verdict
from flows.core.installed import Service, healthy
from flows.core.script import RunArguments, run_command
from flows.core.snapshot import Container

SCRIPT = ("/opt/portsip-pbx-ha-guide", "dataflow.sh")
"""Where the guide has the vendor's script on the control node: folder and name."""

_STOPS = {"remove", "stop"}
"""Kinds of change that end with a stopped service on purpose."""


class Way(StrEnum):
    """What to do with the service now."""

    SERVING = "serving"
    WAIT = "wait"
    START = "start"
    RUN_RECORDED = "run-recorded"
    RUN_TARGET = "run-target"
    STAY_STOPPED = "stay-stopped"


@dataclass(frozen=True)
class WayBack:
    """The way, why it is this one, and what a person types to go it without us."""

    way: Way
    why: str
    by_hand: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"{self.way}: {self.why}. By hand: " + "; ".join(self.by_hand)


def way_back(
    state: ChangeState,
    found: Service,
    *,
    script_runs: bool,
    opened: bool | None,
    verdict: Verdict | None,
    script: tuple[str, str] = SCRIPT,
) -> WayBack:
    """Say which way back holds for this change and what is there now.

    `opened` tells whether an engine opened the data folder since the restore point was made (`None`, unknown, counts
    as yes); `verdict` is that of the comparison, where one was made; `script` is the script's folder and name.
    """
    if script_runs:
        return WayBack(Way.WAIT, "the vendor's script still runs, and nothing may disturb it", _LOOK_AT_IT)
    if verdict is not None and verdict.failed:
        return _stay(state, found, f"the comparison failed: {verdict.summary}")
    if not (trouble := healthy(found)):
        return WayBack(Way.SERVING, "both containers run and are healthy", ("docker ps",))
    if found.strangers:
        names = ", ".join(container.name for container in found.strangers)
        return _stay(state, found, f"containers on the data path are not known to us ({names}); {trouble}")
    if state.kind in _STOPS:
        return _stay(state, found, f"the change was ordered to leave it so ({state.kind})")
    if state.kind == "rollback":
        return _stay(state, found, f"a rollback ended half way ({state.phase}), and only a rollback may go on")
    return _bring_back(state, found, opened, trouble, script)


def _bring_back(
    state: ChangeState, found: Service, opened: bool | None, trouble: str, script: tuple[str, str]
) -> WayBack:
    """Start what is there when that is the right engine, else create it anew."""
    if found.clickhouse is not None and found.dataflow is not None:
        if _may_start(state, (found.dataflow, found.clickhouse), opened):
            return WayBack(Way.START, f"both containers are still there, and {trouble}", _start_commands(found))
        why = f"{found.clickhouse.name} has another engine than the change wants, and must not open this folder again"
        return _forward(state, found, why, script)
    if opened is False and state.old is not None and _complete(state.recorded):
        why = f"{trouble}; nothing opened the data folder since the restore point, so the recorded images may"
        return WayBack(Way.RUN_RECORDED, why, _run_commands(state, found, state.old, script))
    known = {True: "was opened", None: "may have been opened", False: "was not opened"}[opened]
    return _forward(state, found, f"{trouble}; the data folder {known} since the restore point", script)


def _forward(state: ChangeState, found: Service, why: str, script: tuple[str, str]) -> WayBack:
    if state.new is None or not _complete(state.recorded):
        missing = "wanted images" if state.new is None else "saved parameters"
        return _stay(state, found, f"{why}; and the {missing} of this change are not known")
    why = f"{why}: forward, with the wanted images"
    return WayBack(Way.RUN_TARGET, why, _run_commands(state, found, state.new, script))


def _may_start(state: ChangeState, pair: tuple[Container, Container], opened: bool | None) -> bool:
    """Whether writer and ClickHouse, both there, are a pair that may go on with this folder."""
    if state.new is None or not state.phase.reached(Phase.SCRIPT):
        return True  # the change has brought no other images yet, or never will
    writer, clickhouse = pair
    ids = (writer.image_id, clickhouse.image_id)
    if ids == (state.new.pbx.id, state.new.clickhouse.id):
        return True
    if state.old is None or ids != (state.old.pbx.id, state.old.clickhouse.id):
        return False
    # One that runs has opened the folder itself; a stopped one may come after a newer one.
    return clickhouse.running or opened is False or state.old.clickhouse.id == state.new.clickhouse.id


def _complete(recorded: dict[str, str]) -> bool:
    """Whether the script can be run with what was recorded: it needs the data path and one address."""
    return bool(recorded.get("DATA_PATH") and (recorded.get("PRI_IP_ADDRESS") or recorded.get("PUB_IP_ADDRESS")))


def run_arguments(recorded: dict[str, str], images: Images) -> RunArguments:
    """The parameters of the script's `run`: the recorded ones, with these very images (a tag may have moved on)."""
    return RunArguments(
        recorded.get("DATA_PATH", ""),
        recorded.get("PRI_IP_ADDRESS", ""),
        recorded.get("PUB_IP_ADDRESS", ""),
        images.pbx.pinned,
        images.clickhouse.pinned,
    )


_LOOK_AT_IT = ("tail -f /var/lib/dataflow-flows/runs/*/log  # on pbx01; when it has ended: run reconcile-data-flow",)


def _start_commands(found: Service) -> tuple[str, ...]:
    names = [quote(c.name) for c in (found.clickhouse, found.dataflow) if c is not None]
    ping = "curl --retry 30 --retry-connrefused http://127.0.0.1:8123/ping"
    return (f"docker start {names[0]}  # on the Data Flow server", ping, *(f"docker start {n}" for n in names[1:]))


def _run_commands(state: ChangeState, found: Service, images: Images, script: tuple[str, str]) -> tuple[str, ...]:
    folder, name = script
    # What runs gets time to end by itself; the script gives it ten seconds.
    stop = tuple(f"{command}  # on the Data Flow server" for command in _stop_commands(found))
    argv = run_command(name, run_arguments(state.recorded, images))
    return (*stop, f"cd {quote(folder)} && {join(argv)}  # on pbx01")


def _stop_commands(found: Service) -> tuple[str, ...]:
    running = [container for container in (found.dataflow, found.clickhouse) if container and container.running]
    return tuple(f"docker stop -t 300 {quote(container.name)}" for container in running)


def _stay(state: ChangeState, found: Service, why: str) -> WayBack:
    stop = _stop_commands(found)
    if state.kind in _STOPS:
        return WayBack(Way.STAY_STOPPED, why, ("docker ps -a  # on the Data Flow server", *stop))
    if state.kind == "install":
        return WayBack(Way.STAY_STOPPED, why, ("run install-data-flow again: it goes on where this one ended",))
    kept = f"restore point {state.restore_point}" if state.restore_point else "no restore point was made by this change"
    again = f"run rollback-data-flow ({kept})" if state.restore_point else f"ask for help: {kept}"
    return WayBack(Way.STAY_STOPPED, why, (*stop, again))
