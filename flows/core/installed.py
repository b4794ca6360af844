"""Which containers on the server are the Data Flow service of this data path, and whether they are as wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from posixpath import normpath

from flows.core.change_state import Images
from flows.core.snapshot import Container, DockerFacts


class Installed(StrEnum):
    """How much of the service is there."""

    UNKNOWN = "unknown"
    ABSENT = "absent"
    COMPLETE = "complete"
    STOPPED = "stopped"
    OTHER_IMAGE = "other-image"
    PARTIAL = "partial"


@dataclass(frozen=True)
class Service:
    """The two containers of the service; `None` for one that is not there."""

    clickhouse: Container | None
    dataflow: Container | None
    strangers: tuple[Container, ...] = ()

    @property
    def containers(self) -> tuple[Container, ...]:
        """Those that are there."""
        return tuple(c for c in (self.clickhouse, self.dataflow) if c is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """What those are called that are not there."""
        roles = (("ClickHouse", self.clickhouse), ("Data Flow", self.dataflow))
        return tuple(role for role, container in roles if container is None)


def service(docker: DockerFacts, data_path: str) -> Service:
    """Find the service by what its containers mount from the data path, never by name (names differ by release)."""
    data_path = normpath(data_path)
    # The vendor's script leaves its schema migration's container behind when it is interrupted: a helper, not a part.
    ours = [c for c in docker.containers or () if _on(c, data_path) and "init" not in c.name]
    clickhouse = [c for c in ours if c.mounts.get("/var/lib/clickhouse", "").startswith(f"{data_path}/")]
    rest = [c for c in ours if c not in clickhouse]
    strangers = (*clickhouse[1:], *rest[1:])
    return Service(clickhouse[0] if clickhouse else None, rest[0] if rest else None, strangers)


def installed(docker: DockerFacts, data_path: str, pbx_image: str, clickhouse_image: str) -> Installed:
    """Compare what is there with the wanted images; a tag that meanwhile means another image counts as other."""
    if docker.containers is None and docker.present is not False:
        return Installed.UNKNOWN
    found = service(docker, data_path)
    if not found.containers and not found.strangers:
        return Installed.ABSENT
    if found.clickhouse is None or found.dataflow is None or found.strangers:
        return Installed.PARTIAL
    ids = {image.reference: image.id for image in docker.images or ()}
    pairs = ((found.dataflow, pbx_image), (found.clickhouse, clickhouse_image))
    if any(container.image_id != ids.get(reference) for container, reference in pairs):
        return Installed.OTHER_IMAGE
    if not all(c.running for c in found.containers):
        return Installed.STOPPED
    return Installed.COMPLETE


def same_images(found: Service, images: Images) -> bool:
    """Whether both containers run, and were made of these very images."""
    pairs = ((found.dataflow, images.pbx), (found.clickhouse, images.clickhouse))
    return all(c is not None and c.running and c.image_id == image.id for c, image in pairs)


def healthy(found: Service) -> str:
    """Why the service is not healthy now, in one sentence; "" when both containers run and none says otherwise."""
    if found.missing:
        return f"there is no {found.missing[0]} container on the data path"
    for container in found.containers:
        if not container.running:
            return f"container {container.name} is not running"
        if container.health not in ("", "healthy"):
            return f"container {container.name} is {container.health}"
    return ""


def _on(container: Container, data_path: str) -> bool:
    return any(source == data_path or source.startswith(f"{data_path}/") for source in container.mounts.values())
