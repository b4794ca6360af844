"""Rules about ClickHouse's version: never backwards, and nothing that was not tried without saying so."""

from __future__ import annotations

from flows.core.engine import TESTED, Release, months, release_of, said
from flows.core.findings import Level
from flows.core.installed import service
from flows.core.preflight.rule import known, of, rule
from flows.core.replace import recorded_images, wanted_images
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

UPGRADE = "Upgrade"
YEAR = 12
"""Months that ClickHouse itself promises to be able to jump over at once."""


def _running(snapshot: Snapshot, wish: Wish) -> Release | None:
    """The release that works on the data now; `None` where no ClickHouse is. Unknown is not the same as none."""
    known(snapshot.docker.containers, f"the containers of {snapshot.server.name}")
    container = service(snapshot.docker, wish.data_path).clickhouse
    if container is None:
        return None
    found = release_of(container.image, snapshot.docker.images or (), container.image_id)
    return known(found, f"which ClickHouse {container.name} is ({container.image})")


def _wanted(snapshot: Snapshot, reference: str) -> Release:
    found = release_of(reference, snapshot.docker.images or ())
    return known(found, f"which ClickHouse {reference or 'no image'} is")


def _backwards(snapshot: Snapshot, wish: Wish, reference: str) -> str | None:
    running = _running(snapshot, wish)
    if running is None or (wanted := _wanted(snapshot, reference)) >= running:
        return None
    return f"ClickHouse {said(running)} works on the data, {reference} is {said(wanted)}"


@rule(
    "clickhouse.downgrade",
    lowerable=False,
    hint="An older ClickHouse does not start on the files of a newer one, or sets parts aside without a word. Name the "
    "running version or a newer one in the block; back goes only rollback-data-flow, onto its restore point.",
    guide=UPGRADE,
)
def downgrade(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (never to an older ClickHouse)."""
    return _backwards(snapshot, wish, wanted_images(snapshot, wish)[1])


@rule(
    "clickhouse.recorded-older",
    lowerable=False,
    hint="The installation recorded an older ClickHouse than the one that works on the data: a recreate would start it "
    "there. Upgrade to the running version first, which records it.",
    guide="Operational Notes",
)
def recorded_older(snapshot: Snapshot, wish: Wish) -> str | None:
    """The existing instance must be deleted and recreated (with the ClickHouse that works on its data)."""
    return _backwards(snapshot, wish, recorded_images(snapshot, wish)[1])


@rule(
    "clickhouse.untested-jump",
    level=Level.WARNING,
    hint="No test of these flows makes this jump. Run rehearse-upgrade-data-flow first; the restore point is the way "
    "back.",
    guide=UPGRADE,
)
def untested_jump(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (by a step that was tried)."""
    running = _running(snapshot, wish)
    if running is None:
        return None
    wanted = _wanted(snapshot, wanted_images(snapshot, wish)[1])
    if wanted <= running or (running, wanted) in TESTED:
        return None
    text = f"from ClickHouse {said(running)} to {said(wanted)} was not tested by us"
    too_far = months(running, wanted) > YEAR
    return f"{text}, and is more than the year that ClickHouse promises to jump over at once" if too_far else text


@rule(
    "host.python",
    hint="sudo apt install python3 on the server: restore points are made by it.",
    guide=UPGRADE,
)
def python(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (with a way back, which needs python3 on the server)."""
    found = of(snapshot.server, snapshot.server.python, "whether there is python3")
    return None if found else f"{snapshot.server.name} has no python3"


UPGRADE_RULES = (downgrade, untested_jump, python)
"""Before an upgrade."""

RECREATE_RULES = (recorded_older, python)
"""Before a recreate, which goes by what was recorded."""

RULES = (downgrade, recorded_older, untested_jump, python)
