"""A Docker engine in a box: the Engine API on a unix socket, child processes as containers."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.sandbox.containers import LiveCalls, Surroundings
from tests.sandbox.docker_container import Container
from tests.sandbox.docker_exec import Execs
from tests.sandbox.docker_faults import Faults
from tests.sandbox.docker_http import Answer, DockerFault, DockerSocket, Request, without_version
from tests.sandbox.docker_images import Images, LocalImage
from tests.sandbox.docker_routes import find_route
from tests.sandbox.docker_settings import missing_mount, read_settings
from tests.sandbox.registry import Registry

ROOT_ONLY = ".root-only"


class Engine:
    """The engine of one host; `root` is the host's file tree, `clickhouse_port` stands for its port 8123.

    `api_version` and `min_api_version` make it an older or newer engine: Docker 29 refuses below 1.44.
    """

    def __init__(
        self,
        root: Path,
        registry: Registry | None = None,
        clickhouse_port: int = 8123,
        *,
        pbx_url: str = "",
        pbx_token: Callable[[], str] = str,
        history_rows: int | None = None,
        live: LiveCalls | None = None,
        version: str = "20.10.24",
        api_version: str = "1.41",
        min_api_version: str = "1.12",
        fastest_check: float = 0.2,
        address: str = "",
    ) -> None:
        self.root, self.registry = root.resolve(), registry or Registry()
        rows = history_rows if history_rows is not None else int(os.environ.get("SANDBOX_HISTORY_ROWS") or 250_000)
        self.around = Surroundings(clickhouse_port, pbx_url, pbx_token, rows, live=live)
        self.version, self.api_version, self.min_api_version = version, api_version, min_api_version
        self.fastest_check, self.address = fastest_check, address
        self.faults = Faults()
        self.requests: list[str] = []
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._containers: dict[str, Container] = {}
        self.execs = Execs()
        self.images = Images(self.registry, self._uses_of, self.closing)
        # A unix socket's path has about 100 characters, a test's folder is often longer.
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-docker-"))
        self.socket = self._folder / "docker.sock"
        self._server: DockerSocket | None = None
        self.start_daemon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every container and the daemon; leave nothing behind but the bound folders."""
        self.closing.set()
        self.stop_daemon()
        for container in self.containers:
            container.stop(3)
            container.discard()
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop_daemon(self) -> None:
        """Let nobody answer on the socket any more; containers live on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def start_daemon(self) -> None:
        """Answer on the socket (again)."""
        if self._server is None:
            self._server = DockerSocket(self.socket, self._respond, self.api_version)

    def allow_users(self, allowed: bool) -> None:
        """Whether the host's user may use the socket without sudo (whether he is in the group `docker`)."""
        marker = self.socket.with_name(self.socket.name + ROOT_ONLY)
        marker.unlink(missing_ok=True) if allowed else marker.touch()

    def set_pbx(self, url: str, token: Callable[[], str]) -> None:
        """Where Data Flow registers from now on, and the token that it shows."""
        self.around = replace(self.around, pbx_url=url, pbx_token=token)

    @property
    def containers(self) -> list[Container]:
        """Every container, also those that do not run; the newest first."""
        return sorted(self._containers.values(), key=lambda c: -c.created)

    def container(self, name: str) -> Container:
        """The container under a name, id or beginning of an id, or docker's error that there is none."""
        wanted = name.lstrip("/")
        for one in self.containers:
            if wanted == one.name or one.id == wanted or (len(wanted) >= 4 and one.id.startswith(wanted)):
                return one
        raise DockerFault(404, f"No such container: {name}")

    def create(self, name: str, body: dict[str, Any]) -> Container:
        """Create a container, with docker's refusals."""
        image = self.images.get(str(body.get("Image", "")))
        with self.lock:
            for other in self.containers:
                if other.name == name:
                    text = f'Conflict. The container name "/{name}" is already in use by container "{other.id}".'
                    rest = " You have to remove (or rename) that container to be able to reuse that name."
                    raise DockerFault(409, text + rest)
            if missing := missing_mount(body, self.below):
                text = f'invalid mount config for type "bind": bind source path does not exist: {missing}'
                raise DockerFault(400, text)
            settings = read_settings(body, self.below, self.shown, self.fastest_check)
            made = Container(name, image, settings, self._folder, lambda: self.around, self.faults)
            self._containers[made.id] = made
            return made

    def remove(self, name: str, force: bool) -> None:
        """Remove a container; one that runs only by force."""
        container = self.container(name)
        if container.running and not force:
            text = f"You cannot remove a running container {container.id}. Stop the container before attempting "
            raise DockerFault(409, text + "removal or force remove")
        container.discard()
        with self.lock:
            self._containers.pop(container.id, None)

    def below(self, path: str) -> Path:
        """The folder of this machine behind a path of the host, which may come with the host's root in front."""
        return self.root / self.shown(path).lstrip("/")

    def shown(self, path: str) -> str:
        """The path as the host itself would name it."""
        inside = path.removeprefix(str(self.root)) if path.startswith(f"{self.root}/") else path
        return "/" + inside.strip("/")

    def _uses_of(self, image_id: str) -> int:
        return sum(container.image.id == image_id for container in self.containers)

    def uses(self, image: LocalImage) -> int:
        """How many containers, also stopped ones, were created from this image."""
        return self._uses_of(image.id)

    def _respond(self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]) -> Answer:
        version, bare = without_version(path)
        self.requests.append(f"{method} {bare}")
        if self.faults.freezes(method, bare):
            self.closing.wait()
        if (fault := self.faults.instead(method, bare)) is not None:
            raise DockerFault(*fault)
        self._check_version(version)
        route, parts = find_route(method, bare)
        return route(self, Request(method, bare, parts, query, body, headers))

    def _check_version(self, version: str) -> None:
        if not version:
            return
        if _number(version) < _number(self.min_api_version):
            text = f"client version {version} is too old. Minimum supported API version is "
            raise DockerFault(400, f"{text}{self.min_api_version}, please upgrade your client to a newer version")
        if _number(version) > _number(self.api_version):
            text = f"client version {version} is too new. Maximum supported API version is {self.api_version}"
            raise DockerFault(400, text)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
