"""A real registry (Debian's docker-registry) that serves the vendor's names; its storage is kept between runs.

registry.publish_pbx("22.8.0.2104")     # what the tag portsip/pbx:22 means from now on
registry.refuse()                       # nobody answers
"""

from __future__ import annotations

import json
import urllib.request
from typing import Self

import docker

from tests.engine.daemon import Daemon
from tests.engine.engine import Engine, program
from tests.engine.images import Image, Images
from tests.sandbox.prefect_server import free_port
from tests.sandbox.registry import NEW_PBX

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIGURATION = """version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  cache: {{blobdescriptor: inmemory}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Registry:
    """The registry on loopback; a context manager. Every image of `images` is in it once it runs."""

    def __init__(self, engine: Engine, images: Images) -> None:
        self._engine, self._images = engine, images
        self._storage = engine.folder / "registry"
        self._daemon: Daemon | None = None

    def __enter__(self) -> Self:
        self.port = free_port()
        self._file = self._engine.temporary / "registry.yml"
        self._file.write_text(_CONFIGURATION.format(folder=self._storage, port=self.port))
        self.serve()
        try:
            self._push()
            self.publish_pbx(NEW_PBX)
        except BaseException:
            self.refuse()
            raise
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
            self._daemon.wait_until(self._answers, 20)

    def publish_pbx(self, version: str) -> None:
        """Let the tag `portsip/pbx:22` mean this release; the images themselves stay as they are."""
        manifest = self._ask("GET", f"portsip/pbx/manifests/{version}")
        self._ask("PUT", "portsip/pbx/manifests/22", manifest)

    def digest(self, reference: str) -> str:
        """The digest behind `portsip/name:tag`."""
        repository, _, tag = reference.partition(":")
        with self._open("GET", f"{repository}/manifests/{tag}") as answer:
            return str(answer.headers["Docker-Content-Digest"])

    def _push(self) -> None:
        """Put in what is not there yet; a list beside the storage tells which build of an image it holds."""
        listed = self._storage / "pushed.json"
        wanted = {image.published: image.tag for image in self._images.published}
        there = json.loads(listed.read_text()) if listed.exists() else {}
        if there == wanted:
            return
        for image in self._images.published:
            if there.get(image.published) != image.tag:
                self._push_one(image)
        listed.write_text(json.dumps(wanted))

    def _push_one(self, image: Image) -> None:
        client: docker.DockerClient = self._engine.client
        repository, _, tag = image.published.rpartition(":")
        address = f"127.0.0.1:{self.port}/{repository}"
        client.images.get(image.tag).tag(address, tag)
        try:
            for line in client.images.push(address, tag, stream=True, decode=True):
                if "error" in line:
                    raise RuntimeError(f"cannot push {image.published}: {line['error']}")
        finally:
            client.images.remove(f"{address}:{tag}", noprune=True)

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
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(request, timeout=60)
