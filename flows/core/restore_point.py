"""Restore points as values: what one holds, which may go, how they are listed (design.md 11, clickhouse.md 5)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import Any

from flows.core.change_state import Image, Images
from flows.core.words import size, table, utc

PIN_LABEL = "dataflow-flows.restore-point"
"""Label of the containers that pin a point's images; its value is the point's id."""

ROLES = ("pbx", "clickhouse")
_DATA = "/var/lib/clickhouse"


@dataclass(frozen=True)
class RestorePoint:
    """One restore point on the server: `made_at` is its clock, seconds since 1970; `bytes` are shared with the data.

    `recorded` are the parameters of the vendor's script and `images` those that the data was written with.
    """

    id: str
    path: str
    made_at: float
    data_path: str
    server_uuid: str
    images: Images
    recorded: dict[str, str]
    change: str
    bytes: int
    files: int

    @property
    def made(self) -> str:
        """When it was made, in UTC."""
        return utc(self.made_at)


def about(change: str, recorded: Mapping[str, str], images: dict[str, Any]) -> dict[str, Any]:
    """What is written down beside the data: everything that a way back needs, and no secret."""
    return {"format": 1, "change": change, "recorded": dict(recorded), "images": images}


def folder(data_path: str, point: str) -> str:
    """Where on the server a point lies."""
    return f"{data_path.rstrip('/')}/.dataflow-restore/{point}"


def from_marker(values: Mapping[str, Any], data_path: str) -> RestorePoint:
    """The point that its marker describes. Raises `ValueError` for what only a newer version could have written."""
    if values.get("format") != 1:
        raise ValueError(f"restore point {values.get('id')} has the format {values.get('format')}; update this worker")
    return RestorePoint(
        id=str(values["id"]),
        path=folder(data_path, str(values["id"])),
        made_at=float(values["made"]),
        data_path=data_path,
        server_uuid=str(values["server_uuid"]),
        images=Images.from_values(values["images"]),
        recorded={str(name): str(value) for name, value in values["recorded"].items()},
        change=str(values["change"]),
        bytes=int(values["bytes"]),
        files=int(values["files"]),
    )


def new_id(change: str, now: float) -> str:
    """A name for a new point, which sorts by time: `20261122T210203Z-1f0c7a2b`."""
    moment = re.sub(r"\D", "", utc(now).partition("+")[0])
    short = re.sub(r"[^A-Za-z0-9]", "", change)[:8] or "manual"
    return f"{moment[:8]}T{moment[8:]}Z-{short}"


def pin_name(point: str, role: str) -> str:
    """The container that keeps an image of this point from being pruned; `role` is one of `ROLES`."""
    return f"dataflow-flows.pin.{point}.{role}"


def pinned(images: Images) -> dict[str, Image]:
    """Role to image."""
    return dict(zip(ROLES, (images.pbx, images.clickhouse), strict=True))


def newest(points: Iterable[RestorePoint]) -> RestorePoint | None:
    """The one that was made last."""
    return max(points, key=lambda point: (point.made_at, point.id), default=None)


def removable(
    points: Sequence[RestorePoint],
    *,
    now: float,
    keep_days: float = 0,
    ids: Collection[str] = (),
    needed: Collection[str] = (),
) -> tuple[tuple[RestorePoint, ...], tuple[str, ...]]:
    """Which points go: those named, and those older than `keep_days` (0: none by age); and why a wanted one stays.

    The newest never goes, nor one that an unfinished change needs (`needed`).
    """
    last = newest(points)
    going, staying = [], [f"{name}: there is no such restore point" for name in ids if name not in _ids(points)]
    for point in sorted(points, key=lambda point: point.made_at):
        aged = keep_days > 0 and now - point.made_at > keep_days * 86400
        if not aged and point.id not in ids:
            continue
        if point.id in needed:
            staying.append(f"{point.id}: an unfinished change needs it")
        elif point == last:
            staying.append(f"{point.id}: it is the newest, which always stays")
        else:
            going.append(point)
    return tuple(going), tuple(staying)


def listing(points: Sequence[RestorePoint], now: float) -> str:
    """A Markdown table of the points, the newest first."""
    rows = [
        (
            p.id,
            p.made,
            f"{(now - p.made_at) / 86400:.1f}",
            size(p.bytes),
            f"{p.files:,}",
            " + ".join(_said(image) for image in pinned(p.images).values()),
            p.change,
        )
        for p in sorted(points, key=lambda point: point.made_at, reverse=True)
    ]
    return table(("restore point", "made", "days old", "size", "files", "images", "change"), rows)


def disk_folders(disks: Iterable[str], mounts: Mapping[str, str], data_path: str) -> tuple[str, ...]:
    """The folders of the host that further ClickHouse disks lie in; `disks` are paths in the container.

    Raises `ValueError` for one that lies in no mounted folder: it would be gone with its container.
    """
    found: dict[str, None] = {}
    for disk in disks:
        path = normpath(disk)
        inside = [target for target in mounts if path == target or path.startswith(f"{target.rstrip('/')}/")]
        if not disk or not inside:
            raise ValueError(f"the ClickHouse disk {disk or 'without a path'} lies in no folder of the server")
        mount = max(inside, key=len)
        folder = normpath(mounts[mount] + path[len(mount.rstrip("/")) :])
        main = normpath(f"{data_path}/clickhouse/data")
        if mount != _DATA or not (folder == main or folder.startswith(f"{main}/")):
            found[folder] = None
    return tuple(found)


def _ids(points: Iterable[RestorePoint]) -> set[str]:
    return {point.id for point in points}


def _said(image: Image) -> str:
    return f"{image.reference} ({image.version})" if image.version else image.reference
