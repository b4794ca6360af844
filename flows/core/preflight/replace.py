"""Rules of upgrade and recreate: there must be a running service whose parameters are known."""

from __future__ import annotations

from flows.core.installed import service
from flows.core.preflight.rule import known, rule
from flows.core.replace import ours, recorded
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

UPGRADE = "Available Operations"


@rule(
    "replace.not-installed",
    lowerable=False,
    hint="Use install-data-flow where nothing is, and reconcile-data-flow where a change was left unfinished.",
    guide=UPGRADE,
)
def not_installed(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (which has to be there as a whole)."""
    if ours(snapshot, wish):
        return None
    known(snapshot.docker.containers, f"the containers of {snapshot.server.name}")
    missing = service(snapshot.docker, wish.data_path).missing
    return f"{snapshot.server.name} has no {' and no '.join(missing)} container on the data path" if missing else None


@rule(
    "replace.stopped",
    lowerable=False,
    hint="Start it with control-data-flow: its tables are recorded while it runs, or nothing could be proved after.",
    guide=UPGRADE,
)
def stopped(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (which has to run, to be recorded before)."""
    if ours(snapshot, wish):
        return None
    names = [c.name for c in service(snapshot.docker, wish.data_path).containers if not c.running]
    return f"{' and '.join(names)} on {snapshot.server.name} not running" if names else None


@rule(
    "replace.parameters-unknown",
    lowerable=False,
    hint="The script's .configure_dataflow was not found on the server. Nothing is guessed: install a new one by hand.",
    guide="Command parameters",
)
def parameters_unknown(snapshot: Snapshot, wish: Wish) -> str | None:
    """The service is removed and run again with the parameters of its installation (which have to be found)."""
    known(snapshot.saved, f"what an earlier installation recorded on {snapshot.server.name}")
    if ours(snapshot, wish) or recorded(snapshot):
        return None
    return f"{snapshot.server.name} has no record of the parameters that the service was installed with"


RULES = (not_installed, stopped, parameters_unknown)
