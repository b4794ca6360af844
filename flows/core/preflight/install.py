"""Rules only of an install: what is on the server already must be nothing, the wanted service, or our own half."""

from __future__ import annotations

from flows.core.installed import Installed, installed
from flows.core.preflight.rule import Unknown, rule
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish, pbx_image, target

DEPLOY = "Step 5"


def state(snapshot: Snapshot, wish: Wish) -> Installed:
    """How much of the wanted service is on the server."""
    return installed(snapshot.docker, wish.data_path, pbx_image(snapshot, wish), wish.clickhouse_image)


def ours(snapshot: Snapshot, wish: Wish) -> bool:
    """Whether what is half there is this run's own, or an unfinished change with the same target."""
    lock = snapshot.lock
    return lock is not None and lock.may_be_taken_by(wish.run, target(snapshot, wish))


def _foreign(snapshot: Snapshot, wish: Wish, *states: Installed) -> bool:
    """Whether the service is in one of these states and nobody's unfinished change explains it."""
    if ours(snapshot, wish):
        return False
    now = state(snapshot, wish)
    if now is Installed.UNKNOWN:
        raise Unknown(f"the containers of {snapshot.server.name}")
    return now in states


@rule(
    "install.new-token-needs-recreate",
    lowerable=False,
    hint="A new token makes a recreate necessary, which is a change of its own: install without it.",
    guide="Operational Notes",
)
def new_token(snapshot: Snapshot, wish: Wish) -> str | None:
    """If a new authentication token is generated, the existing instance must be deleted and recreated."""
    there = set(Installed) - {Installed.ABSENT}
    if wish.new_token and _foreign(snapshot, wish, *there):
        return "a new token was asked for, but the service is installed already"
    return None


@rule(
    "install.other-version",
    lowerable=False,
    hint="An install replaces no versions: that is an upgrade. Or name the running images in the block.",
    guide=DEPLOY,
)
def other_version(snapshot: Snapshot, wish: Wish) -> str | None:
    """Deploy the Data Flow Service (where none with other images runs)."""
    if not _foreign(snapshot, wish, Installed.OTHER_IMAGE):
        return None
    running = ", ".join(f"{c.name} from {c.image} ({c.image_id[:19]})" for c in snapshot.docker.containers or ())
    wanted = f"{pbx_image(snapshot, wish)} and {wish.clickhouse_image}"
    return f"the service is there with other images than {wanted}: {running}"


@rule(
    "install.stopped",
    lowerable=False,
    hint="Start it with control-data-flow, which compares its tables with what the stop recorded.",
    guide="Managing the Data Flow Server",
)
def stopped(snapshot: Snapshot, wish: Wish) -> str | None:
    """Deploy the Data Flow Service (where it is not merely stopped)."""
    if _foreign(snapshot, wish, Installed.STOPPED):
        return "the service is installed with the wanted images, but a container does not run"
    return None


@rule(
    "install.partial",
    lowerable=False,
    hint="Nobody's unfinished install explains it: look with `docker ps -a` on the server before anything else.",
    guide=DEPLOY,
)
def partial(snapshot: Snapshot, wish: Wish) -> str | None:
    """Deploy the Data Flow Service (where no half of one is left)."""
    if _foreign(snapshot, wish, Installed.PARTIAL):
        return "only a part of the service's containers is on the server"
    return None


RULES = (new_token, other_version, stopped, partial)
