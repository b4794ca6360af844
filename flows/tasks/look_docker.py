"""Looks at the Docker engine of the server: what runs on the data path, and which wanted images are there."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import docker
from docker.errors import ImageNotFound

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.rehearsal import LABEL as REHEARSAL
from flows.core.snapshot import Container, DockerFacts, Image
from flows.errors import AccessDenied, APIError, CommandFailed, Unreachable

NOT_INSTALLED = 127
"""Exit code of a shell that knows no such command."""

_FOLDER_LABEL = "com.docker.compose.project.working_dir"


def look_docker(cluster: DataFlowCluster, ssh: SshClient, images: Iterable[str] = ()) -> DockerFacts:
    """The engine, all its containers and the wanted images, over the connection that is open already.

    An engine that is not installed is a fact, not an error: the vendor's script installs it.
    """
    try:
        with cluster.docker.get_client(ssh) as client:
            return read_docker(client, (cluster.pbx_image, cluster.clickhouse_image, *images))
    except CommandFailed as error:
        return DockerFacts(present=error.exit_code != NOT_INSTALLED, trouble=str(error))
    except (AccessDenied, APIError, Unreachable) as error:
        if not ssh.alive:
            raise
        return DockerFacts(present=True, trouble=str(error))


def look_server(cluster: DataFlowCluster) -> DockerFacts:
    """The same over a connection of its own."""
    with cluster.server.get_client(name="server") as ssh:
        return look_docker(cluster, ssh)


def read_docker(client: docker.DockerClient, references: Iterable[str]) -> DockerFacts:
    """Everything that rules and plans want to know of an engine."""
    described = [c.attrs for c in client.containers.list(all=True, ignore_removed=True)]
    asked = cache(partial(_image, client))
    images = {item["Image"]: asked(item["Image"]) for item in described}
    wanted = dict.fromkeys((*(r for r in references if r), *(item["Config"]["Image"] for item in described)))
    devices = _devices(client, described)
    info = client.info()
    return DockerFacts(
        present=True,
        version=str(info.get("ServerVersion") or "") or None,
        root=str(info.get("DockerRootDir") or "") or None,
        # A rehearsal's container is no part of the service, though it lies on the data path.
        containers=tuple(
            container(item, images[item["Image"]], devices)
            for item in described
            if REHEARSAL not in (item["Config"].get("Labels") or {})
        ),
        images=tuple(image for reference in wanted if (image := asked(reference)) is not None),
    )


def container(described: dict[str, Any], image: Image | None, devices: dict[str, str]) -> Container:
    """One container as Docker describes it; `devices` tells which folder stands behind a named volume."""
    state, config = described["State"], described["Config"]
    labels = dict(config.get("Labels") or {})
    return Container(
        id=described["Id"],
        name=described["Name"].lstrip("/"),
        image=config["Image"],
        image_id=described["Image"],
        digests=image.digests if image else (),
        # Docker calls a container that it keeps restarting "running" too, also while it waits to start it again.
        running=bool(state["Running"]) and not state.get("Restarting"),
        health=str((state.get("Health") or {}).get("Status") or ""),
        restarts=int(described.get("RestartCount") or 0),
        mounts={m["Destination"]: _source(m, devices) for m in described.get("Mounts") or []},
        labels=labels,
        command=tuple(config.get("Cmd") or ()),
        compose_folder=labels.get(_FOLDER_LABEL, ""),
        exit_code=None if state["Running"] or state.get("Status") == "created" else int(state.get("ExitCode", -1)),
    )


def _devices(client: docker.DockerClient, described: Iterable[dict[str, Any]]) -> dict[str, str]:
    # The vendor binds its folders through named volumes, which show Docker's own folder as their source.
    if not any(m.get("Type") == "volume" for item in described for m in item.get("Mounts") or []):
        return {}
    return {v.name: str((v.attrs.get("Options") or {}).get("device") or "") for v in client.volumes.list()}


def _source(mount: dict[str, Any], devices: dict[str, str]) -> str:
    return devices.get(str(mount.get("Name") or "")) or str(mount.get("Source") or "")


def _image(client: docker.DockerClient, reference: str) -> Image | None:
    try:
        described = client.images.get(reference).attrs
    except ImageNotFound:
        return None
    labels = (described.get("Config") or {}).get("Labels") or {}
    return Image(
        reference=reference,
        id=described["Id"],
        digests=tuple(described.get("RepoDigests") or ()),
        version=str(labels.get("version") or labels.get("com.clickhouse.build.version") or ""),
        size=int(described.get("Size") or 0),
    )
