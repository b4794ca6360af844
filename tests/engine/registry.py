"""A real registry (Debian's docker-registry) that serves the vendor's names.

with registry_of_our_own(engine, images) as registry:
    registry.publish_pbx("22.8.0.2104")     # what the tag portsip/pbx:22 means from now on
    registry.refuse()                       # nobody answers

Blobs are kept between runs and shared by the registries of all processes: each has names and tags of its own, and a
registry does not write a blob that is there.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from tests.engine.daemon import Daemon
from tests.engine.engine import Engine, program
from tests.engine.images import Image, Images
from tests.sandbox.prefect_server import free_port
from tests.sandbox.registry import NEW_PBX

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_CONFIGURATION = """version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  cache: {{blobdescriptor: inmemory}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_REPOSITORIES = "docker/registry/v2/repositories"
_BLOBS = "docker/registry/v2/blobs"


def stock(engine: Engine, images: Images) -> Path:
    """Push what is not kept yet, and return where that is; a list beside it tells which build of an image it holds."""
    kept = engine.folder / "registry"
    listed, wanted = kept / "pushed.json", {image.published: image.tag for image in images.published}
    there = json.loads(listed.read_text()) if listed.exists() else {}
    if there != wanted:
        kept.mkdir(exist_ok=True)
        with Registry(engine, kept) as registry:
            for image in images.published:
                if there.get(image.published) != image.tag:
                    registry.push(image)
        listed.write_text(json.dumps(wanted))
    return kept


@contextmanager
def registry_of_our_own(engine: Engine, images: Images) -> Iterator[Registry]:
    """A registry with all of the images, whose tags no other process moves and which no other one stops."""
    kept = stock(engine, images)
    with tempfile.TemporaryDirectory(dir=engine.runs, prefix="registry-") as name:
        storage = Path(name)
        shutil.copytree(kept / _REPOSITORIES, storage / _REPOSITORIES)
        (storage / _BLOBS).symlink_to(kept / _BLOBS)
        with Registry(engine, storage) as registry:
            registry.publish_pbx(NEW_PBX)
            yield registry


class Registry:
    """The registry on loopback, with this folder as its storage; a context manager."""

    def __init__(self, engine: Engine, storage: Path) -> None:
        self._engine, self._storage = engine, storage
        self._daemon: Daemon | None = None

    def __enter__(self) -> Self:
        self.port = free_port()
        self._file = self._engine.temporary / "registry.yml"
        self._file.write_text(_CONFIGURATION.format(folder=self._storage, port=self.port))
        self.serve()
        return self

    def __exit__(self, *problem: object) -> None:
        self.refuse()

    def refuse(self) -> None:
        """Stop: from now on nobody answers."""
        if self._daemon is not None:
            self._daemon.end(5)
        self._daemon = None

    def serve(self) -> None:
        """Answer again, if it does not."""
        if self._daemon is None:
            words = [program("docker-registry"), "serve", str(self._file)]
            self._daemon = Daemon(words, self._engine.temporary / "registry.log")
            self._daemon.wait_until(self._answers, 120)

    def publish_pbx(self, version: str) -> None:
        """Let the tag `portsip/pbx:22` mean this release; the images themselves stay as they are."""
        manifest = self._ask("GET", f"portsip/pbx/manifests/{version}")
        self._ask("PUT", "portsip/pbx/manifests/22", manifest)

    def digest(self, reference: str) -> str:
        """The digest behind `portsip/name:tag`."""
        repository, _, tag = reference.partition(":")
        with self._open("GET", f"{repository}/manifests/{tag}") as answer:
            return str(answer.headers["Docker-Content-Digest"])

    def push(self, image: Image) -> None:
        """Take in an image of the outer engine, under its name at the vendor.

        Its layers stay as they are: `docker push` would spend a minute and a half of two cores on compressing them.
        """
        repository, _, tag = image.published.rpartition(":")
        with tempfile.TemporaryFile(dir=self._engine.folder) as file:
            for chunk in self._engine.client.images.get(image.tag).save():
                file.write(chunk)
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                (listed,) = json.load(_member(archive, "manifest.json"))
                configuration = _member(archive, listed["Config"]).read()
                digests = json.loads(configuration)["rootfs"]["diff_ids"]
                layers = [
                    self._upload(repository, digest, _member(archive, name), LAYER)
                    for digest, name in zip(digests, listed["Layers"], strict=True)
                ]
        digest = f"sha256:{hashlib.sha256(configuration).hexdigest()}"
        config = self._upload(repository, digest, io.BytesIO(configuration), CONFIGURATION)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        self._ask("PUT", f"{repository}/manifests/{tag}", json.dumps(manifest).encode())

    def _upload(self, repository: str, digest: str, blob: IO[bytes], kind: str) -> dict[str, Any]:
        """Store a blob and describe it as a manifest does."""
        size = blob.seek(0, io.SEEK_END)
        blob.seek(0)
        with self._open("POST", f"{repository}/blobs/uploads/") as answer:
            place = str(answer.headers["Location"])
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        address = f"{place}&digest={digest}"
        with _OPENER.open(urllib.request.Request(address, blob, headers, method="PUT"), timeout=300):
            return {"mediaType": kind, "size": size, "digest": digest}

    def _answers(self) -> bool:
        try:
            self._ask("GET", "")
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        with self._open(method, path, body) as answer:
            return bytes(answer.read())

    def _open(self, method: str, path: str, body: bytes | None = None):  # type: ignore[no-untyped-def]
        headers = {"Accept": MANIFEST} | ({"Content-Type": MANIFEST} if body else {})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v2/{path}", body, headers, method=method)
        return _OPENER.open(request, timeout=60)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise RuntimeError(f"the saved image has no file {name}")
    return file
