"""What all labs of a process share: the outer engine, the images, the registry, and engines with images in them.

Several processes share the engine and what is kept: one of them holds `for_other_processes()`, the others join.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar, Self

from tests.engine.bucket import Bucket
from tests.engine.engine import JOIN, Engine
from tests.engine.hosts import MIRROR_PORT, LabHost
from tests.engine.images import Images
from tests.engine.kept import copy_docker, shape
from tests.engine.namespaces import End, Relay
from tests.engine.network import Network
from tests.engine.registry import registry_of_our_own, stock
from tests.sandbox.registry import NEW_PBX, OLD_PBX


@contextmanager
def for_other_processes() -> Iterator[None]:
    """An engine with every image made and pushed, which the processes that are started meanwhile join."""
    with Engine() as engine:
        images = Images(engine)
        images.make_all()
        stock(engine, images)
        os.environ[JOIN] = str(engine.temporary)
        try:
            yield
        finally:
            del os.environ[JOIN]


class Shared:
    """Context manager; a second `with` inside the first one gives the same parts."""

    _current: ClassVar[Shared | None] = None
    _users: ClassVar[int] = 0
    line: float = 0
    """Bytes a second between a server and the registry; 0: as fast as it goes."""

    def __new__(cls) -> Self:
        return cls._current or super().__new__(cls)  # type: ignore[return-value]

    def __enter__(self) -> Self:
        if Shared._users == 0:
            with ExitStack() as stack:
                self.engine = stack.enter_context(Engine())
                self.images = Images(self.engine)
                self.registry = stack.enter_context(registry_of_our_own(self.engine, self.images))
                self._stack = stack.pop_all()
            Shared._current = self
        Shared._users += 1
        return self

    def __exit__(self, *problem: object) -> None:
        Shared._users -= 1
        if Shared._users == 0:
            Shared._current = None
            self._stack.close()

    def mirror(self, server: LabHost) -> Relay:
        """Let the server's engine find the registry on its own loopback."""
        registry = End(0, "127.0.0.1", self.registry.port)
        return Relay(End(server.pid, "127.0.0.1", MIRROR_PORT), registry, Bucket(self.line))

    def installed_images(self, version: str) -> list[str]:
        """What shapes an installation of old with ClickHouse in this version."""
        return [self.images.docker_host, self.images.pbx[OLD_PBX].tag, self.images.clickhouse[version].tag]

    def fill_docker_folder(self, target: Path, version: str) -> None:
        """Fill an engine's folder with the images of an installation of old."""
        kept = self.engine.folder / "preloaded" / f"{version}-{shape(*self.installed_images(version))}"
        kept.parent.mkdir(exist_ok=True)
        with (kept.parent / f".{version}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may ask at once
            if not kept.exists():
                self._preload(version, kept)
        copy_docker(kept, target)

    def _preload(self, version: str, kept: Path) -> None:
        """Let an engine pull them, end it, keep its folder."""
        began = time.monotonic()
        for older in kept.parent.glob(f"{version}-*"):
            shutil.rmtree(older)
        with tempfile.TemporaryDirectory(dir=self.engine.runs) as name, Network(self.engine) as network:
            folder = Path(name) / "docker"
            folder.mkdir()
            words = (self.engine, network, self.images.docker_host, "dataflow01", network.address(26))
            with LabHost(*words, password=network.name, docker_folder=folder) as server:
                server.wait_ready()
                relay = self.mirror(server)
                try:
                    self.registry.publish_pbx(OLD_PBX)
                    for reference in ("portsip/pbx:22", f"portsip/clickhouse:{version}"):
                        server.run("docker", "pull", "--quiet", reference)
                    server.stop_docker()
                finally:
                    self.registry.publish_pbx(NEW_PBX)
                    relay.close()
            folder.rename(kept)
        print(f"lab: an engine with the images of {version} in {time.monotonic() - began:.0f} s")
