"""How docker describes a container: in full, as a line of a list, and as something a filter can match."""

from __future__ import annotations

import re
import time
from typing import Any

from tests.sandbox.docker_container import Container, moment

Json = dict[str, Any]


def describe(container: Container) -> Json:
    """The container as `GET /containers/NAME/json` shows it."""
    body = container.settings.body
    command = list(container.settings.command)
    return {
        "Id": container.id,
        "Created": moment(container.created),
        "Path": command[0] if command else "",
        "Args": command[1:],
        "State": container.state(),
        "Image": container.image.id,
        "Name": f"/{container.name}",
        "RestartCount": container.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "LogPath": f"/var/lib/docker/containers/{container.id}/{container.id}-json.log",
        "HostConfig": {
            **container.settings.host,
            "Binds": _binds(container),
            "NetworkMode": network(container),
        },
        "Mounts": mounts(container),
        "Config": {
            "Hostname": container.id[:12],
            "User": body.get("User", ""),
            "Tty": False,
            "Env": list(body.get("Env") or []),
            "Cmd": command,
            "Image": container.settings.reference,
            "Labels": container.settings.labels,
            **({"Healthcheck": body["Healthcheck"]} if body.get("Healthcheck") else {}),
        },
        "NetworkSettings": {"Networks": {network(container): {}}},
    }


def network(container: Container) -> str:
    """The network mode it was created with."""
    return str(container.settings.host.get("NetworkMode") or "default")


def mounts(container: Container) -> list[Json]:
    """Its bound folders, by the names that the host has for them."""
    pairs = container.settings.shown_binds.items()
    extra = {"Mode": "", "RW": True, "Propagation": "rprivate"}
    return [{"Type": "bind", "Source": source, "Destination": target, **extra} for target, source in pairs]


def _binds(container: Container) -> list[str]:
    return [f"{source}:{target}" for target, source in container.settings.shown_binds.items()]


def list_entry(container: Container) -> Json:
    """The container as `GET /containers/json` lists it."""
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.settings.reference,
        "ImageID": container.image.id,
        "Command": " ".join(container.settings.command),
        "Created": int(container.created),
        "Ports": [],
        "Labels": container.settings.labels,
        "State": container.status,
        "Status": _sentence(container),
        "HostConfig": {"NetworkMode": network(container)},
        "NetworkSettings": {"Networks": {network(container): {}}},
        "Mounts": mounts(container),
    }


def _sentence(container: Container) -> str:
    if container.status == "created":
        return "Created"
    if container.status == "restarting":
        return f"Restarting ({container.exit_code}) {_ago(container.finished_at)} ago"
    if container.status == "exited":
        return f"Exited ({container.exit_code}) {_ago(container.finished_at)} ago"
    health = container.health
    word = {"starting": "health: starting"}.get(health.status, health.status) if health else ""
    return f"Up {_ago(container.started_at)}" + (f" ({word})" if word else "")


def _ago(since: float) -> str:
    seconds = int(time.time() - since)
    return f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"


def matches(container: Container, filters: dict[str, list[str]]) -> bool:
    """Whether it passes every filter: name, id, label, status, health, ancestor, volume."""
    labels = container.settings.labels
    named = {*labels, *(f"{key}={value}" for key, value in labels.items())}
    health = container.health.status if container.health else "none"
    ancestors = {container.settings.reference, container.image.id, *container.image.tags}
    places = {*container.settings.shown_binds, *container.settings.shown_binds.values()}
    tests: dict[str, Any] = {
        "name": lambda words: any(re.search(word, f"/{container.name}") for word in words),
        "id": lambda words: any(container.id.startswith(word) for word in words),
        "label": lambda words: named.issuperset(words),
        "status": lambda words: container.status in words,
        "health": lambda words: health in words,
        "ancestor": lambda words: bool(ancestors & set(words)),
        "volume": lambda words: bool(places & set(words)),
    }
    return all(tests[key](words) for key, words in filters.items() if key in tests)
