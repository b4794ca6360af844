"""Rules of a rehearsal, and the one that lets an upgrade ask for one."""

from __future__ import annotations

from collections.abc import Iterable

from flows.core.change_state import Image, Images
from flows.core.findings import Finding
from flows.core.installed import service
from flows.core.preflight.rule import known, rule
from flows.core.rehearsal import Rehearsal
from flows.core.rehearsal import not_rehearsed as missing
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

UPGRADE = "Upgrade"


@rule(
    "rehearsal.no-clickhouse",
    lowerable=False,
    hint="Only a ClickHouse that serves, or one that was stopped, can say what the new one has to find. "
    "Settle first what happens to this one: docker ps -a and docker logs on the server.",
    guide=UPGRADE,
)
def no_clickhouse(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (whose data can be copied while it serves, or while it is stopped)."""
    known(snapshot.docker.containers, f"the containers of {snapshot.server.name}")
    found = service(snapshot.docker, wish.data_path).clickhouse
    if found is None:
        return f"{snapshot.server.name}: there is no ClickHouse container on {wish.data_path}"
    if not found.running and found.exit_code is None:
        return f"{snapshot.server.name}: {found.name} neither runs nor is stopped: it restarts, or never started"
    return None


@rule(
    "rehearsal.image-unknown",
    lowerable=False,
    hint="Name the ClickHouse image in the block: what is not named cannot be tried.",
    guide="Command parameters",
)
def image_unknown(snapshot: Snapshot, wish: Wish) -> str | None:
    """-d : ClickHouse Docker image (which has to be named to be tried)."""
    return None if wish.clickhouse_image else "the block names no ClickHouse image"


@rule(
    "upgrade.not-rehearsed",
    hint="Run rehearse-upgrade-data-flow; it needs no downtime. Or set the parameter to 0.",
    guide=UPGRADE,
)
def not_rehearsed(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade: Upgrade the Data Flow service (to a ClickHouse that has opened a copy of this data)."""
    if not wish.require_rehearsal:
        return None
    rehearsals = known(snapshot.rehearsals, f"which rehearsals {snapshot.control.name} remembers")
    found = next((i for i in snapshot.docker.images or () if i.reference == wish.clickhouse_image), None)
    running = service(snapshot.docker, wish.data_path).clickhouse
    if found is not None and running is not None and running.image_id == found.id:
        return None
    if found is not None:
        image = Image(found.reference, found.id, next(iter(found.digests), ""), found.version)
        return missing(rehearsals, image, wish.require_rehearsal, wish.now)
    # Not on the server any more: which image it is, is known after the pull, and judged again there.
    named = [each for each in rehearsals if each.reference == wish.clickhouse_image]
    ids = (named[-1].image_id, named[-1].digest) if named else ("", "")
    return missing(named, Image(wish.clickhouse_image, *ids, ""), wish.require_rehearsal, wish.now)


def pulled_unrehearsed(
    rehearsals: Iterable[Rehearsal], old: Images | None, new: Images, days: int, now: float
) -> tuple[Finding, ...]:
    """The same about the image that was pulled: a tag may mean another one than at the rehearsal."""
    if not days or (old is not None and old.clickhouse.id == new.clickhouse.id):
        return ()
    said, rule_of = missing(rehearsals, new.clickhouse, days, now), not_rehearsed
    return (Finding(rule_of.id, rule_of.level, said, rule_of.hint, rule_of.guide),) if said else ()


RULES = (no_clickhouse, image_unknown)
"""Before a rehearsal."""
