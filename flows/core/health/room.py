"""Health rules about room: disks, inodes, ClickHouse's logs, restore points."""

from __future__ import annotations

from collections.abc import Iterator

from flows.core.findings import Level
from flows.core.health.service import health
from flows.core.health.trend import days_until_full, per_day
from flows.core.numbers import (
    HEALTH_FREE_LEAST,
    HEALTH_FREE_LOW,
    HEALTH_FULL_NOW_DAYS,
    HEALTH_FULL_SOON_DAYS,
    HEALTH_LOG_GIB,
    HEALTH_LOG_GIB_PER_DAY,
    HEALTH_RESTORE_POINT_DAYS,
)
from flows.core.preflight.disks import disk
from flows.core.preflight.rule import known, of, rule
from flows.core.preflight.sizes import GIB, gib
from flows.core.restore_point import newest
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

SPACE = "Disk Space Recommendations"


def _tight(snapshot: Snapshot, wish: Wish, share: float, days: float) -> str | None:
    """What has less than this share free, or is full within so many days."""
    disk(snapshot, wish.data_path)  # unknown is never enough
    said = [*_low(snapshot, share), *_soon(snapshot, wish, days)]
    return f"{snapshot.server.name}: {'; '.join(dict.fromkeys(said))}" if said else None


def _low(snapshot: Snapshot, share: float) -> Iterator[str]:
    for each in of(snapshot.server, snapshot.server.disks, "the disks"):
        if each.available < each.size * share:
            yield f"{gib(each.available)} of {gib(each.size)} free on {each.mount}"
    total, free = known(health(snapshot).inodes, f"the inodes of {snapshot.server.name}")
    if free < total * share:
        yield f"{free:,} of {total:,} inodes free under the data path"


def _soon(snapshot: Snapshot, wish: Wish, days: float) -> Iterator[str]:
    left = days_until_full(health(snapshot).trend)
    if left is not None and left < days:
        yield f"{wish.data_path} is full in {left:.1f} days if it goes on like this"


@rule(
    "health.disk-full",
    hint="Enlarge the volume, keep call records for fewer days, or remove old restore points, now: a full disk stops "
    "ClickHouse.",
    guide=SPACE,
)
def disk_full(snapshot: Snapshot, wish: Wish) -> str | None:
    """To ensure stable operation and sufficient capacity for growth, we recommend the following disk allocations."""
    return _tight(snapshot, wish, HEALTH_FREE_LEAST, HEALTH_FULL_NOW_DAYS)


@rule(
    "health.disk-low",
    level=Level.WARNING,
    hint="Enlarge the volume, keep call records for fewer days, or remove old restore points.",
    guide=SPACE,
)
def disk_low(snapshot: Snapshot, wish: Wish) -> str | None:
    """If your deployment handles very large call volumes, increase the data volume size accordingly."""
    if disk_full.check(snapshot, wish):
        return None  # said already
    return _tight(snapshot, wish, HEALTH_FREE_LOW, HEALTH_FULL_SOON_DAYS)


@rule(
    "health.log-growth",
    level=Level.WARNING,
    hint="Upgrade Data Flow: since 2026-05-25 its logs are kept for three days only. Before, they fill the disk.",
    guide=SPACE,
)
def log_growth(snapshot: Snapshot, wish: Wish) -> str | None:
    """Data Volume: used for storing call detail records, logs (which must leave room for the records)."""
    size = known(health(snapshot).log_bytes, f"the size of ClickHouse's log folder on {snapshot.server.name}")
    grows = per_day(health(snapshot).trend, "log") or 0
    if size <= HEALTH_LOG_GIB * GIB and grows <= HEALTH_LOG_GIB_PER_DAY * GIB:
        return None
    return f"ClickHouse's log folder takes {gib(size)} and grows by {gib(grows)} a day"


@rule(
    "health.restore-points-old",
    level=Level.WARNING,
    hint="The next change removes them where its `keep_days` is set; each keeps old data on the disk.",
    guide=SPACE,
)
def restore_points_old(snapshot: Snapshot, wish: Wish) -> str | None:
    """Data Volume: increase its size accordingly (restore points take more of it the older they are)."""
    points = known(snapshot.restore_points, f"the restore points of {snapshot.server.name}")
    old = [p for p in points if p != newest(points) and wish.now - p.made_at > HEALTH_RESTORE_POINT_DAYS * 86400]
    if not old:
        return None
    return f"{len(old)} restore points are older than {HEALTH_RESTORE_POINT_DAYS} days: {', '.join(p.id for p in old)}"


RULES = (disk_full, disk_low, log_growth, restore_points_old)
