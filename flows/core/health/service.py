"""Health rules about the service itself: containers, ClickHouse, images, and changes that explain what is seen."""

from __future__ import annotations

from datetime import datetime

from flows.core import fit
from flows.core.change import ChangeLock
from flows.core.findings import Level
from flows.core.health.seen import Health
from flows.core.health.trend import restarted
from flows.core.installed import Service, healthy, service
from flows.core.numbers import HEALTH_CHANGE_HOURS, HEALTH_PARTS
from flows.core.preflight.rule import known, rule
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

MANAGING = "Managing the Data Flow Server"
LOGS = (
    "Look on the server: docker ps -a; docker logs <container>; ClickHouse's own log is in <data path>/clickhouse/log."
)


def health(snapshot: Snapshot) -> Health:
    """What only a health check asked."""
    return known(snapshot.health, "what a health check asks")


def found(snapshot: Snapshot, wish: Wish) -> Service:
    """The containers on the data path."""
    why = f" ({snapshot.docker.trouble})" if snapshot.docker.trouble else ""
    if snapshot.docker.present is not False:
        known(snapshot.docker.containers, f"the containers of {snapshot.server.name}{why}")
    return service(snapshot.docker, wish.data_path)


def at_work(snapshot: Snapshot, wish: Wish) -> ChangeLock | None:
    """The lock of a change that is at work now, which explains a service that is down."""
    lock = snapshot.lock
    return lock if lock is not None and lock.phase != "unfinished" and held_for(lock, wish) <= limit() else None


def held_for(lock: ChangeLock, wish: Wish) -> float:
    """Seconds since the lock was taken; a time that cannot be read is long ago."""
    try:
        return wish.now - datetime.fromisoformat(lock.since).timestamp()
    except ValueError:
        return float("inf")


def limit() -> float:
    """Seconds after which a held lock explains nothing any more."""
    return HEALTH_CHANGE_HOURS * 3600


def _explained(snapshot: Snapshot, wish: Wish) -> str:
    """Why the service is down, where that is meant; "" where nothing explains it."""
    if lock := at_work(snapshot, wish):
        return f"{lock.holder} is at work since {lock.since}: {lock.link}"
    stop = snapshot.known_stop
    return str(stop) if stop is not None and stop.explains(found(snapshot, wish)) else ""


def _answers(snapshot: Snapshot, wish: Wish) -> bool:
    """Whether ClickHouse has to answer: while its container is down, another finding says so."""
    clickhouse = found(snapshot, wish).clickhouse
    return clickhouse is not None and clickhouse.running and not at_work(snapshot, wish)


@rule("health.service-down", hint=LOGS, guide=MANAGING)
def down(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow service runs: both of its containers, healthy as far as they say."""
    trouble = healthy(found(snapshot, wish))
    return trouble if trouble and not _explained(snapshot, wish) else None


@rule(
    "health.known-stop",
    level=Level.NOTE,
    hint="Nothing to do: this is meant. control-data-flow starts it again after an ordered stop.",
    guide=MANAGING,
)
def known_stop(snapshot: Snapshot, wish: Wish) -> str | None:
    """stop - Stop the data flow service (which was ordered, or a change is at work)."""
    trouble, why = healthy(found(snapshot, wish)), _explained(snapshot, wish)
    return f"{trouble}: {why}" if trouble and why else None


@rule("health.restarted", level=Level.WARNING, hint=LOGS, guide=MANAGING)
def restarts(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow service runs without being started again by Docker."""
    count = restarted(health(snapshot).trend)
    if not count:
        return None
    return f"Docker started a container of the service again {count} times within a day: it had ended by itself"


@rule("health.clickhouse-not-ready", hint=LOGS, guide=MANAGING)
def not_ready(snapshot: Snapshot, wish: Wish) -> str | None:
    """ClickHouse answers, lets us in, and every table is loaded."""
    if not _answers(snapshot, wish):
        return None
    return known(health(snapshot).gate, "whether ClickHouse is ready") or None


@rule(
    "health.parts-many",
    level=Level.WARNING,
    hint="ClickHouse merges more slowly than rows come in: look at its CPU and disk; it slows down inserts in the end.",
    guide="Hardware Requirements",
)
def parts_many(snapshot: Snapshot, wish: Wish) -> str | None:
    """For best performance, ensure your hardware meets the specifications (here: ClickHouse keeps up with merging)."""
    if not _answers(snapshot, wish):
        return None
    most = known(health(snapshot).most_parts, "how many parts ClickHouse has")
    return f"one partition has {most} active parts; more than {HEALTH_PARTS} are many" if most > HEALTH_PARTS else None


@rule(
    "health.parts-set-aside",
    level=Level.WARNING,
    hint="Their rows are missing in every report: SELECT * FROM system.detached_parts tells which; roll back or ask "
    "for help before anything is deleted.",
    guide="Operational Notes",
)
def set_aside(snapshot: Snapshot, wish: Wish) -> str | None:
    """The above operations do not affect or erase existing analytics data (no part of it is broken)."""
    if not _answers(snapshot, wish):
        return None
    count = known(health(snapshot).set_aside, "how many parts ClickHouse has set aside")
    return f"ClickHouse has set {count} broken parts aside" if count else None


@rule(
    "health.image-version",
    hint="Upgrade the PBX cluster first where it is the older one, then run upgrade-data-flow with the image of the "
    "same release.",
    guide="Operational Notes",
)
def image_version(snapshot: Snapshot, wish: Wish) -> str | None:
    """After upgrading the PBX to a new version, you must remove and recreate the Data Flow Docker instance."""
    container = found(snapshot, wish).dataflow
    if container is None or at_work(snapshot, wish):
        return None
    by_id = {image.id: image.version for image in snapshot.docker.images or ()}
    version = container.labels.get("version") or by_id.get(container.image_id, "")
    runs = known(fit.release(version) or None, f"which release {container.name} is ({container.image})")
    pbx = known(snapshot.pbx.version, "the PBX's version")
    if runs == fit.release(pbx):
        return None
    return f"the PBX runs {pbx}, {container.name} is {version}"


RULES = (down, known_stop, restarts, not_ready, parts_many, set_aside, image_version)
