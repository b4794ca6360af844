"""Replacing the service by the vendor's script: what upgrade and recreate share: images, commands, plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flows.core.change_state import Image, Images
from flows.core.installed import Service, service
from flows.core.plan import Plan, Step
from flows.core.script import RunArguments, run_command, upgrade_command, verb_command
from flows.core.snapshot import Container, Snapshot
from flows.core.wish import Wish, pbx_image, whitelist_addresses

RECORDED = ("DATA_PATH", "PRI_IP_ADDRESS", "PUB_IP_ADDRESS", "PBX_IP_ADDRESS", "DATAFLOW_IMG", "DB_IMG")
"""The saved parameters that a new `run` needs; whatever else the vendor saved is not ours to carry around."""


@dataclass(frozen=True)
class Call:
    """One call of the vendor's script: the step's name in the UI, which also names its run folder, and the words."""

    step: str
    argv: tuple[str, ...]


def recorded(snapshot: Snapshot) -> dict[str, str]:
    """What the installation recorded of its parameters; empty when nothing was found."""
    saved = next((each.values for each in snapshot.saved or () if each.values.get("DATA_PATH")), {})
    return {name: saved[name] for name in RECORDED if saved.get(name)}


def recorded_images(snapshot: Snapshot, wish: Wish) -> tuple[str, str]:
    """The references that a recreate takes: the recorded ones, else those that the containers were made of."""
    saved, found = recorded(snapshot), service(snapshot.docker, wish.data_path)
    dataflow, clickhouse = (c.image if c else "" for c in (found.dataflow, found.clickhouse))
    return saved.get("DATAFLOW_IMG") or dataflow, saved.get("DB_IMG") or clickhouse


def wanted_images(snapshot: Snapshot, wish: Wish) -> tuple[str, str]:
    """The references that an upgrade takes: those of the block, or of `vars.yml`."""
    return pbx_image(snapshot, wish), wish.clickhouse_image


def arguments(saved: Mapping[str, str], wish: Wish, images: tuple[str, str]) -> RunArguments:
    """The parameters of a new `run`: the recorded ones, never another data path; the images as given."""
    return RunArguments(
        saved.get("DATA_PATH") or wish.data_path,
        saved.get("PRI_IP_ADDRESS") or ("" if saved.get("PUB_IP_ADDRESS") else wish.private_address),
        saved.get("PUB_IP_ADDRESS") or ("" if saved.get("PRI_IP_ADDRESS") else wish.public_address),
        *images,
    )


def calls(kind: str, snapshot: Snapshot, wish: Wish, images: tuple[str, str]) -> tuple[Call, ...]:
    """The script's calls that replace what is there now.

    `upgrade` only where it will do the whole thing: it fails without the writer's container (portsip.md 4.1 trap 3),
    and some releases pass over `-d` (trap 4). Everywhere else `rm` and `run`, which the vendor calls the same.
    """
    found = service(snapshot.docker, wish.data_path)
    does_it = "d" in (snapshot.script.upgrade_options or "d") and "upgrade" in snapshot.script.verbs
    if kind == "upgrade" and found.dataflow is not None and does_it:
        return (Call("upgrade", tuple(upgrade_command(wish.script_name, *images))),)
    run = Call("recreate", tuple(run_command(wish.script_name, arguments(recorded(snapshot), wish, images))))
    return (Call("remove", tuple(verb_command(wish.script_name, "rm"))), run) if found.containers else (run,)


def running_images(found: Service, versions: Mapping[str, str]) -> Images | None:
    """The images that the containers were made of; `versions` maps image ids to their label. None: not both there."""
    if found.dataflow is None or found.clickhouse is None:
        return None
    return Images(*(_image(container, versions) for container in (found.dataflow, found.clickhouse)))


def _image(container: Container, versions: Mapping[str, str]) -> Image:
    digest = next(iter(container.digests), "")
    return Image(container.image, container.image_id, digest, versions.get(container.image_id, ""))


def _aged(snapshot: Snapshot, wish: Wish) -> tuple[Step, ...]:
    """What becomes of older restore points, where any shall go; the new one is the newest, which stays."""
    if wish.keep_days <= 0:
        return ()
    old = [p.id for p in snapshot.restore_points or () if wish.now - p.made_at > wish.keep_days * 86400]
    named = ", ".join(sorted(old)) or "none is that old"
    return (Step("restore-points", f"remove restore points older than {wish.keep_days} days: {named}", bool(old)),)


def aim(kind: str, snapshot: Snapshot, wish: Wish) -> str:
    """The target of such a change in one line; an unfinished one is only gone on with by its own kind."""
    images = recorded_images(snapshot, wish) if kind == "recreate" else wanted_images(snapshot, wish)
    return f"{kind} {','.join(whitelist_addresses(wish))}:{wish.data_path} {' '.join(images)}"


def ours(snapshot: Snapshot, wish: Wish) -> bool:
    """Whether what stands there is this run's own change, or an unfinished one with the same target."""
    lock = snapshot.lock
    aims = (aim(kind, snapshot, wish) for kind in ("upgrade", "recreate"))
    return lock is not None and any(lock.may_be_taken_by(wish.run, each) for each in aims)


def plan(kind: str, snapshot: Snapshot, wish: Wish, lowered: tuple[str, ...]) -> Plan:
    """The ordered steps of replacing the service in this world."""
    images = recorded_images(snapshot, wish) if kind == "recreate" else wanted_images(snapshot, wish)
    found = service(snapshot.docker, wish.data_path)
    database, writer = (c.name if c else "none" for c in (found.clickhouse, found.dataflow))
    words = [f"cd {wish.script_folder} && {' '.join(call.argv)}" for call in calls(kind, snapshot, wish, images)]
    token = [Step("token", "generate a new Data Flow token", True)] if wish.new_token else []
    steps = (
        Step("pull-image", f"pull {' and '.join(images)} while the service goes on", True),
        Step("quiesce", "wait until no mutation is left, record every table as evidence", False),
        *token,
        Step("stop-writer", f"stop {writer}, let ClickHouse write what it holds back, record every table", True),
        Step("stop-clickhouse", f"stop {database} with time to end by itself; it must end with exit code 0", True),
        Step("restore-point", f"hard links of {wish.data_path}/clickhouse/data, a copy of the rest, both images", True),
        Step("replace", f"on pbx01: {'; then '.join(words)}", True),
        Step("settle", "wait until both containers are seen healthy twice", False),
        Step("verify-row-counts", "compare every table, part by part, with what was recorded", False),
        *_aged(snapshot, wish),
    )
    ids = tuple((f"image {i.reference}", i.id) for i in snapshot.docker.images or ())
    saved = tuple(sorted((f"recorded {key}", value) for key, value in recorded(snapshot).items()))
    containers = tuple((f"container {c.name}", c.image_id) for c in found.containers)
    known = (("script", snapshot.script.sha256), ("lowered", ",".join(sorted(lowered))))
    return Plan(kind, aim(kind, snapshot, wish), steps, (*known, *ids, *saved, *containers))
