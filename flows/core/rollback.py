"""Rolling back to a restore point: which one, what it needs, and the plan (design.md 11)."""

from __future__ import annotations

from flows.core.change_state import Image
from flows.core.installed import service
from flows.core.plan import Plan, Step
from flows.core.recovery import run_arguments
from flows.core.restore_point import RestorePoint, newest, pinned
from flows.core.script import run_command, verb_command
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish, whitelist_addresses

CHECK = "dataflow-flows.check"
"""Name of the container in which the old ClickHouse opens the data that was put back, before anything else may."""


def chosen(snapshot: Snapshot, wish: Wish) -> RestorePoint | None:
    """The point that is named; else that of the unfinished change; else the newest; `None` when there is none.

    An unfinished change that made no point of its own gets no older one by default: one has to be named.
    """
    points, lock = snapshot.restore_points or (), snapshot.lock
    wanted = wish.restore_point
    if not wanted and lock is not None and lock.kind == "rollback":
        wanted = lock.target.rpartition(" ")[2]
    if wanted:
        return next((point for point in points if point.id == wanted), None)
    if lock is not None and lock.run != wish.run:
        return newest(point for point in points if point.change in (lock.change, lock.run))
    return newest(points)


def missing_images(snapshot: Snapshot, point: RestorePoint) -> tuple[Image, ...]:
    """The images of the point that are not on the server and that no registry can be asked for by digest."""
    held = {container.image_id for container in snapshot.docker.containers or ()}
    held |= {image.id for image in snapshot.docker.images or ()}
    return tuple(image for image in pinned(point.images).values() if image.id not in held and not image.digest)


def target(snapshot: Snapshot, wish: Wish) -> str:
    """What a rollback aims at, in one line, which ends with the point's id."""
    point = chosen(snapshot, wish)
    return f"rollback {','.join(whitelist_addresses(wish))}:{wish.data_path} to {point.id if point else 'nothing'}"


def plan(snapshot: Snapshot, wish: Wish, lowered: tuple[str, ...]) -> Plan:
    """The ordered steps of rolling back in this world."""
    point, found = chosen(snapshot, wish), service(snapshot.docker, wish.data_path)
    names = " and ".join(c.name for c in found.containers) or "no container"
    if point is None:
        return Plan("rollback", target(snapshot, wish), ())
    old, data = point.images, f"{wish.data_path}/clickhouse/data"
    words = " ".join(run_command(wish.script_name, run_arguments(point.recorded, old)))
    remove = " ".join(verb_command(wish.script_name, "rm"))
    steps = (
        Step("pull-image", f"make sure of {old.pbx.pinned} and {old.clickhouse.pinned}", True),
        Step("stop-service", f"stop {names}, the writer first", bool(found.containers)),
        Step("remove-containers", f"on pbx01: cd {wish.script_folder} && {remove}", bool(found.containers)),
        Step("put-back", f"rename {data} and {wish.data_path}/dataflow, put {point.id} of {point.made} there", True),
        Step("check-data", f"open it with {old.clickhouse.reference} alone, compare every table, stop it again", True),
        Step("recreate", f"on pbx01: cd {wish.script_folder} && {words}", True),
        Step("settle", "wait until both containers are seen healthy twice", False),
        Step("verify-row-counts", "compare every table once more with what was recorded", False),
    )
    containers = tuple((f"container {c.name}", c.image_id) for c in found.containers)
    known = (("script", snapshot.script.sha256), ("lowered", ",".join(sorted(lowered))))
    return Plan("rollback", target(snapshot, wish), steps, (*known, *containers, ("point", point.id)))
