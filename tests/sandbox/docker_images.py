"""The images on the sandbox's host: pulled layer by layer from the registry, tagged, removed, pruned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.docker_http import DockerFault
from tests.sandbox.registry import Registry, RemoteImage, without_address

Json = dict[str, Any]


@dataclass
class LocalImage:
    """One image on the host; its tags can move on to a newer one."""

    remote: RemoteImage
    tags: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The image's id."""
        return self.remote.id

    @property
    def labels(self) -> dict[str, str]:
        """The labels in its configuration."""
        return dict(self.remote.labels)

    def summary(self, containers: int) -> Json:
        """The image as `GET /images/json` lists it."""
        return {
            "Id": self.id,
            "ParentId": "",
            "RepoTags": self.tags,
            "RepoDigests": self.digests,
            "Created": 1_760_000_000,
            "Size": sum(self.remote.layers),
            "VirtualSize": sum(self.remote.layers),
            "SharedSize": -1,
            "Labels": self.labels,
            "Containers": containers,
        }

    def inspect(self) -> Json:
        """The image as `GET /images/NAME/json` shows it."""
        return {
            **self.summary(-1),
            "Created": "2025-10-09T08:53:20.000000000Z",
            "Os": "linux",
            "Architecture": "amd64",
            "Config": {"Labels": self.labels, "Env": [], "Cmd": None, "Entrypoint": None},
            "RootFS": {"Type": "layers", "Layers": [f"sha256:{n * 5}abcd" for n in self.remote.layer_names]},
            "GraphDriver": {"Name": "overlay2", "Data": {}},
        }


class Images:
    """All images of the host; `in_use` tells how many containers, also stopped ones, use an image id."""

    def __init__(self, registry: Registry, in_use: Callable[[str], int], closing: threading.Event) -> None:
        self.registry = registry
        self._in_use, self._closing = in_use, closing
        self._by_id: dict[str, LocalImage] = {}

    def all(self) -> list[LocalImage]:
        """Every image on the host."""
        return list(self._by_id.values())

    def find(self, name: str) -> LocalImage | None:
        """The image under a tag, digest, id or beginning of an id."""
        wanted = name if name.startswith("sha256:") else without_address(name)
        for image in self.all():
            known = [without_address(known) for known in (*image.tags, *image.digests)]
            bare = name.removeprefix("sha256:")
            if wanted in known or (len(bare) >= 12 and image.id.removeprefix("sha256:").startswith(bare)):
                return image
        return None

    def get(self, name: str) -> LocalImage:
        """The image, or docker's error that there is none."""
        found = self.find(name)
        if found is None:
            shown = name if ":" in name or "@" in name else f"{name}:latest"
            raise DockerFault(404, f"No such image: {shown}")
        return found

    def load(self, reference: str) -> LocalImage:
        """Put an image on the host at once, as if it had been pulled some time ago."""
        return self._store(self.registry.images[without_address(reference)], reference)

    def hold(self, remote: RemoteImage) -> LocalImage:
        """The same for an image whose tag means a newer one in the registry by now."""
        return self._store(remote, remote.reference)

    def _store(self, remote: RemoteImage, reference: str) -> LocalImage:
        image = self._by_id.setdefault(remote.id, LocalImage(remote))
        if "@" not in reference:
            for other in self.all():
                other.tags = [tag for tag in other.tags if tag != reference]
            image.tags.append(reference)
        repository = reference.partition("@")[0] if "@" in reference else reference.rpartition(":")[0]
        digest = f"{repository}@{remote.digest}"
        if digest not in image.digests:
            image.digests.append(digest)
        return image

    def pull(self, reference: str, login: Json) -> Iterator[Json]:
        """Check with the registry, then stream what docker tells while it downloads and unpacks."""
        registry = self.registry
        registry.pulls.append(reference)
        if registry.refuse:
            raise DockerFault(
                500,
                'Get "https://registry-1.docker.io/v2/": dial tcp 127.0.0.1:443: connect: connection refused',
            )
        if registry.refuses(login.get("username", ""), login.get("password", "")):
            raise self._denied(reference, login)
        remote = registry.find(reference)
        if remote is None:
            raise DockerFault(404, f"manifest for {reference} not found: manifest unknown: manifest unknown")
        return self._stream(remote, reference)

    def _denied(self, reference: str, login: Json) -> DockerFault:
        if login.get("username"):
            return DockerFault(
                500, 'Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password'
            )
        name = reference.rpartition(":")[0]
        text = f"pull access denied for {name}, repository does not exist or may require 'docker login'"
        return DockerFault(404, f"{text}: denied: requested access to the resource is denied")

    def _stream(self, remote: RemoteImage, reference: str) -> Iterator[Json]:
        name, _, tag = reference.rpartition("@" if "@" in reference else ":")
        # Of a pull by digest docker shows the whole reference in front.
        yield {"status": f"Pulling from {name}", "id": f"docker.io/{reference}" if "@" in reference else tag}
        fresh = self._by_id.get(remote.id) is None
        if fresh:
            error = yield from self._layers(remote)
            if error:
                yield {"errorDetail": {"message": error}, "error": error}
                return
        self._store(remote, reference)
        yield {"status": f"Digest: {remote.digest}"}
        news = "Downloaded newer image" if fresh else "Image is up to date"
        yield {"status": f"Status: {news} for {reference}"}

    def _layers(self, remote: RemoteImage) -> Generator[Json, None, str]:
        held = {name for image in self.all() for name in image.remote.layer_names}
        todo = [pair for pair in zip(remote.layer_names, remote.layers, strict=True) if pair[0] not in held]
        for name in remote.layer_names:
            yield {
                "status": "Already exists" if name in held else "Pulling fs layer",
                "progressDetail": {},
                "id": name,
            }
        whole, moved, steps = sum(size for _, size in todo) or 1, 0, 8
        for name, size in todo:
            for step in range(1, steps + 1):
                if error := self._broken(100 * moved // whole):
                    return error
                moved += size // steps
                time.sleep(self.registry.seconds * size / whole / steps)
                detail = {"current": size * step // steps, "total": size}
                yield {"status": "Downloading", "progressDetail": detail, "id": name}
            yield {"status": "Download complete", "progressDetail": {}, "id": name}
        for name, size in todo:
            if self.registry.full_disk and name == todo[-1][0]:
                return "failed to register layer: write /usr/local/lib/big.so: no space left on device"
            yield {"status": "Extracting", "progressDetail": {"current": size, "total": size}, "id": name}
            yield {"status": "Pull complete", "progressDetail": {}, "id": name}
        return ""

    def _broken(self, percent: int) -> str:
        registry = self.registry
        if registry.freeze_after is not None and percent >= registry.freeze_after:
            self._closing.wait()
        if registry.fail_after is not None and percent >= registry.fail_after:
            return "unexpected EOF"
        return ""

    def remove(self, name: str, force: bool) -> list[Json]:
        """Untag, and delete the image when no tag is left and no container uses it."""
        image = self.get(name)
        if self._in_use(image.id) and not (force or len(image.tags) > 1):
            text = f'conflict: unable to remove repository reference "{name}" (must force)'
            raise DockerFault(409, f"{text} - container is using its referenced image {image.id[7:19]}")
        return self._drop(image)

    def _drop(self, image: LocalImage) -> list[Json]:
        del self._by_id[image.id]
        gone = [{"Untagged": name} for name in (*image.tags, *image.digests)]
        return [*gone, {"Deleted": image.id}]

    def prune(self, labels: list[str], only_untagged: bool) -> Json:
        """Delete every image without a container that has the labels (`key` or `key=value`)."""
        gone: list[Json] = []
        space = 0
        for image in self.all():
            named = {*image.labels, *(f"{key}={value}" for key, value in image.labels.items())}
            if self._in_use(image.id) or (only_untagged and image.tags) or not named.issuperset(labels):
                continue
            gone += self._drop(image)
            space += sum(image.remote.layers)
        return {"ImagesDeleted": gone or None, "SpaceReclaimed": space}
