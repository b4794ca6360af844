"""Rules of a rollback: the point, its images, the PBX's release, the data path, and who confirmed what."""

from __future__ import annotations

from posixpath import normpath

from flows.core.findings import Level
from flows.core.fit import release
from flows.core.preflight.rule import Unknown, known, rule
from flows.core.restore_point import RestorePoint
from flows.core.rollback import chosen, missing_images
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish, unconfirmed

BACK = "Operational Notes"


def _point(snapshot: Snapshot, wish: Wish) -> RestorePoint | None:
    known(snapshot.restore_points, f"the restore points of {snapshot.server.name}")
    return chosen(snapshot, wish)


@rule(
    "rollback.no-restore-point",
    lowerable=False,
    hint="The ids are in the reports of the changes, and the folders in <data path>/.dataflow-restore on the server.",
    guide=BACK,
)
def no_restore_point(snapshot: Snapshot, wish: Wish) -> str | None:
    """Rolling back needs the restore point that is named, or that of the unfinished change."""
    if _point(snapshot, wish):
        return None
    there = ", ".join(point.id for point in snapshot.restore_points or ()) or "none"
    wanted = wish.restore_point or "none of the unfinished change; name one"
    return f"there is no such restore point: {wanted}. There are: {there}"


@rule(
    "rollback.not-confirmed",
    lowerable=False,
    hint="Type the name of the cluster's block into the parameter `confirm`: what was written since the point is set "
    "aside, and the service is down meanwhile.",
    guide=BACK,
)
def not_confirmed(snapshot: Snapshot, wish: Wish) -> str | None:
    """Rolling back sets aside everything that was written since; it is confirmed by the cluster's name."""
    return unconfirmed(wish, "to roll back")


@rule(
    "rollback.images-gone",
    lowerable=False,
    hint="Load them on the server (docker load) or roll back to another point: nothing else may open that data.",
    guide=BACK,
)
def images_gone(snapshot: Snapshot, wish: Wish) -> str | None:
    """The images that the data was written with are on the server, or a registry has them by digest."""
    known(snapshot.docker.containers, f"the containers of {snapshot.server.name}")
    point = _point(snapshot, wish)
    gone = missing_images(snapshot, point) if point else ()
    names = ", ".join(f"{image.reference} ({image.id[:19]})" for image in gone)
    return f"{snapshot.server.name} has no {names}, and its digest is not known" if gone else None


@rule(
    "rollback.pbx-version",
    hint="The PBX was upgraded since: an older Data Flow does not fit it. Go forward, or lower this finding by name.",
    guide="Upgrade",
)
def pbx_version(snapshot: Snapshot, wish: Wish) -> str | None:
    """The PBX image of the restore point is of the release that the PBX runs."""
    point = _point(snapshot, wish)
    if point is None:
        return None
    image, runs = point.images.pbx, known(snapshot.pbx.version, "the PBX's version")
    if not release(image.version) or not release(runs):
        raise Unknown(f"whether {image.reference} ({image.version or 'no version label'}) fits the PBX ({runs})")
    fits = release(image.version) == release(runs)
    return None if fits else f"the PBX runs {runs}, {image.reference} of {point.id} is {image.version}"


@rule(
    "rollback.other-data-path",
    lowerable=False,
    hint="Correct the data path (-p) in the block: the script would start on another folder than the one put back.",
    guide="Step 5",
)
def other_data_path(snapshot: Snapshot, wish: Wish) -> str | None:
    """-p: Path for storing Data Flow and ClickHouse data (the one that the restore point was made with)."""
    point = _point(snapshot, wish)
    if point is None or normpath(point.recorded.get("DATA_PATH", "")) == normpath(wish.data_path):
        return None
    recorded = point.recorded.get("DATA_PATH") or "no data path"
    return f"{point.id} was recorded with {recorded}, the block says {wish.data_path}"


@rule(
    "rollback.rows-since",
    level=Level.NOTE,
    hint="What was written since stays on the server, in the folder that is renamed; it can be read there by a copy of "
    "the newer ClickHouse.",
    guide=BACK,
)
def rows_since(snapshot: Snapshot, wish: Wish) -> str | None:
    """What was written since the restore point is not in it."""
    return wish.rows_since or None


RULES = (no_restore_point, not_confirmed, images_gone, pbx_version, other_data_path, rows_since)
