"""Restore points on the server: made, listed, put back, removed by a program of ours there, with pins for their images.

A pin is a created, never started container: the vendor prunes every image that no container was made of.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import docker
from docker.errors import APIError as EngineError

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change_state import Image, Images
from flows.core.installed import service
from flows.core.restore_point import (
    PIN_LABEL,
    RestorePoint,
    about,
    disk_folders,
    from_marker,
    new_id,
    newest,
    pin_name,
    pinned,
)
from flows.errors import CommandFailed
from flows.tasks.look_docker import read_docker
from flows.tasks.programs import ask_program

_CONFLICT = 409


def make_restore_point(
    cluster: DataFlowCluster,
    ssh: SshClient,
    client: docker.DockerClient,
    *,
    change: str,
    recorded: Mapping[str, str],
    images: Images,
    disks: Sequence[str] = (),
) -> RestorePoint:
    """Keep the stopped data, the service's folder, the parameters, and pin the images; ClickHouse must not run.

    `disks` are the paths of `system.disks`. The point of an earlier attempt is taken while nothing opened the data
    since. Raises `CommandFailed` with the reason when it cannot be made; then nothing was changed.
    """
    before = newest(p for p in list_restore_points(ssh, cluster.data_path) if p.change == change)
    if before is None or opened(ssh, before) is not False:
        described = json.dumps(about(change, recorded, asdict(images)))
        further = _further_disks(ssh, client, cluster.data_path, disks)
        words = (cluster.data_path, new_id(change, time.time()), *further)
        before = _parse(ssh, ask_program(ssh, "restore_point", "make", *words, stdin=described), cluster.data_path)
    for role, image in pinned(images).items():
        _pin(client, before.id, role, image)
    return before


def check_restore_point(ssh: SshClient, data_path: str, disks: Sequence[str] = ()) -> str:
    """What stands against making one, "" for nothing; `disks` are folders of the server. ClickHouse may run."""
    try:
        return "; ".join(ask_program(ssh, "restore_point", "check", data_path, *disks)["trouble"])
    except CommandFailed as error:
        return error.answer


def list_restore_points(ssh: SshClient, data_path: str) -> tuple[RestorePoint, ...]:
    """Every whole restore point of this data path, the oldest first."""
    answer = ask_program(ssh, "restore_point", "list", data_path)
    found = [_parse(ssh, values, data_path) for values in answer["points"]]
    return tuple(sorted(found, key=lambda point: (point.made_at, point.id)))


def remove_restore_point(ssh: SshClient, client: docker.DockerClient, point: RestorePoint) -> None:
    """Delete a restore point and its pins; the data that it shares with the service stays."""
    if any(p.id == point.id for p in list_restore_points(ssh, point.data_path)):
        ask_program(ssh, "restore_point", "remove", point.data_path, point.id)
    for pin in client.containers.list(all=True, filters={"label": f"{PIN_LABEL}={point.id}"}):
        pin.remove(v=True, force=True)


def put_back(ssh: SshClient, point: RestorePoint) -> dict[str, str]:
    """Put a restore point in the place of the data, which is renamed; folder to its new name, for those exchanged.

    The point itself stays; may be called again after a crash half way. Raises `CommandFailed` with the reason.
    """
    answer = ask_program(ssh, "restore_point", "put_back", point.data_path, point.id)
    return {str(folder): str(renamed) for folder, renamed in answer["renamed"].items()}


def opened(ssh: SshClient, point: RestorePoint) -> bool | None:
    """Whether an engine opened the data folder since the point was made (or put back); `None` when it cannot be told.

    Anything written, made or removed below the folder counts: an engine that starts always does that.
    """
    try:
        return bool(ask_program(ssh, "restore_point", "opened", point.data_path, point.id)["opened"])
    except CommandFailed:
        return None


def rows_on_disk(ssh: SshClient, folder: str) -> int | None:
    """Rows of all MergeTree tables in a ClickHouse data folder, counted without a server; `None`: not to be told."""
    rows = ask_program(ssh, "rows_on_disk", folder)["rows"]
    return None if rows is None else int(rows)


def missing_pins(client: docker.DockerClient, point: RestorePoint) -> tuple[Image, ...]:
    """The images of a point that no pin of it holds any more."""
    pins = client.containers.list(all=True, filters={"label": f"{PIN_LABEL}={point.id}"})
    held = {str(pin.attrs["Image"]) for pin in pins}
    return tuple(image for image in pinned(point.images).values() if image.id not in held)


def _pin(client: docker.DockerClient, point: str, role: str, image: Image) -> None:
    """Make sure of the pin; a folder that the image declares as a volume would else become one, and look like data."""
    declared = (client.images.get(image.id).attrs.get("Config") or {}).get("Volumes") or {}
    settings = client.api.create_host_config(network_mode="none", tmpfs=dict.fromkeys(declared, ""))
    try:
        client.api.create_container(
            image.id,
            ["true"],
            name=pin_name(point, role),
            labels={PIN_LABEL: point},
            host_config=settings,
        )
    except EngineError as error:
        if error.status_code != _CONFLICT:  # it is there from an earlier attempt
            raise


def _further_disks(
    ssh: SshClient, client: docker.DockerClient, data_path: str, disks: Sequence[str]
) -> tuple[str, ...]:
    if {disk.rstrip("/") for disk in disks} <= {"/var/lib/clickhouse"}:
        return ()
    found = service(read_docker(client, ()), data_path).clickhouse
    try:
        return disk_folders(disks, found.mounts if found else {}, data_path)
    except ValueError as error:
        hint = "A restore point cannot hold it. Move that disk below the data path, or back it up by hand."
        raise CommandFailed(ssh.where, "finding the folders of ClickHouse's disks", str(error), hint) from error


def _parse(ssh: SshClient, values: Mapping[str, Any], data_path: str) -> RestorePoint:
    try:
        return from_marker(values, data_path)
    except (KeyError, TypeError, ValueError) as error:
        hint = f"Look at {data_path}/.dataflow-restore on the server; nothing there was changed."
        raise CommandFailed(ssh.where, "reading a restore point", str(error), hint) from error
