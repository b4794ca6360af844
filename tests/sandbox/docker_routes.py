"""The calls of Docker's Engine API that the sandbox answers."""

from __future__ import annotations

import base64
import json
import re
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tests.sandbox.docker_describe import describe, list_entry, matches
from tests.sandbox.docker_http import Answer, DockerFault, Request

if TYPE_CHECKING:
    from tests.sandbox.docker_engine import Engine

Route = Callable[["Engine", Request], Answer]
_ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def _route(method: str, pattern: str) -> Callable[[Route], Route]:
    def remember(function: Route) -> Route:
        _ROUTES.append((method, re.compile(pattern), function))
        return function

    return remember


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The function that answers this call, and the variable parts of its path."""
    for wanted, pattern, function in _ROUTES:
        found = pattern.fullmatch(path)
        if found and wanted == ("GET" if method == "HEAD" else method):
            return function, found.groups()
    raise DockerFault(404, "page not found")


@_route("GET", "/_ping")
def _ping(engine: Engine, request: Request) -> Answer:
    return Answer(200, "OK")


@_route("GET", "/version")
def _version(engine: Engine, request: Request) -> Answer:
    facts = {
        "Version": engine.version,
        "ApiVersion": engine.api_version,
        "MinAPIVersion": engine.min_api_version,
    }
    return Answer(200, {**facts, "Os": "linux", "Arch": "amd64", "KernelVersion": "6.8.0-60-generic"})


@_route("GET", "/info")
def _info(engine: Engine, request: Request) -> Answer:
    running = sum(container.running for container in engine.containers)
    facts = {
        "ServerVersion": engine.version,
        "DockerRootDir": "/var/lib/docker",
        "Driver": "overlay2",
        "OperatingSystem": "Ubuntu 24.04.3 LTS",
        "OSType": "linux",
        "Architecture": "x86_64",
        "Containers": len(engine.containers),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": len(engine.containers) - running,
        "Images": len(engine.images.all()),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "LiveRestoreEnabled": False,
    }
    return Answer(200, facts)


@_route("POST", "/auth")
def _auth(engine: Engine, request: Request) -> Answer:
    if engine.registry.refuse:
        raise DockerFault(500, 'Get "https://registry-1.docker.io/v2/": connect: connection refused')
    if engine.registry.refuses(request.body.get("username", ""), request.body.get("password", "")):
        text = 'Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password'
        raise DockerFault(401, text)
    return Answer(200, {"Status": "Login Succeeded", "IdentityToken": ""})


def _filters(request: Request) -> dict[str, list[str]]:
    """Docker's filters in both spellings: lists, and the older maps of true."""
    given = json.loads(request.query.get("filters") or "{}")
    return {key: list(value) if isinstance(value, (list, dict)) else [value] for key, value in given.items()}


@_route("GET", "/containers/json")
def _list(engine: Engine, request: Request) -> Answer:
    filters = _filters(request)
    everything = request.flag("all") or "status" in filters
    wanted = [c for c in engine.containers if (everything or c.running) and matches(c, filters)]
    return Answer(200, [list_entry(container) for container in wanted])


@_route("POST", "/containers/create")
def _create(engine: Engine, request: Request) -> Answer:
    name = request.query.get("name") or f"container_{len(engine.containers)}"
    return Answer(201, {"Id": engine.create(name, request.body).id, "Warnings": []})


@_route("GET", "/containers/([^/]+)/json")
def _inspect(engine: Engine, request: Request) -> Answer:
    return Answer(200, describe(engine.container(request.parts[0])))


@_route("GET", "/containers/([^/]+)/logs")
def _logs(engine: Engine, request: Request) -> Answer:
    text = engine.container(request.parts[0]).output
    tail = request.query.get("tail", "all")
    lines = text.splitlines(keepends=True)[-int(tail) if tail.isdigit() else 0 :]
    # Without a terminal docker puts eight bytes before each piece: which stream, and its length.
    return Answer(200, b"".join(b"\x01\0\0\0" + len(line).to_bytes(4, "big") + line for line in lines))


@_route("POST", "/containers/([^/]+)/start")
def _start(engine: Engine, request: Request) -> Answer:
    return Answer(204 if engine.container(request.parts[0]).start() else 304)


@_route("POST", "/containers/([^/]+)/stop")
def _stop(engine: Engine, request: Request) -> Answer:
    patience = float(request.query.get("t") or 10)
    return Answer(204 if engine.container(request.parts[0]).stop(patience) else 304)


@_route("POST", "/containers/([^/]+)/restart")
def _restart(engine: Engine, request: Request) -> Answer:
    container = engine.container(request.parts[0])
    container.stop(float(request.query.get("t") or 10))
    container.start()
    return Answer(204)


@_route("POST", "/containers/([^/]+)/kill")
def _kill(engine: Engine, request: Request) -> Answer:
    container = engine.container(request.parts[0])
    word = request.query.get("signal") or "KILL"
    number = int(word) if word.isdigit() else int(signal.Signals["SIG" + word.removeprefix("SIG")])
    if not container.kill(number):
        raise DockerFault(409, f"Cannot kill container: {request.parts[0]}: Container {container.id} is not running")
    return Answer(204)


@_route("POST", "/containers/([^/]+)/exec")
def _exec(engine: Engine, request: Request) -> Answer:
    return Answer(201, {"Id": engine.execs.make(engine.container(request.parts[0]), request.body["Cmd"]).id})


@_route("POST", "/exec/([^/]+)/start")
def _exec_start(engine: Engine, request: Request) -> Answer:
    return Answer(101, engine.execs.get(request.parts[0]).run)


@_route("GET", "/exec/([^/]+)/json")
def _exec_inspect(engine: Engine, request: Request) -> Answer:
    return Answer(200, engine.execs.get(request.parts[0]).describe())


@_route("POST", "/containers/([^/]+)/wait")
def _wait(engine: Engine, request: Request) -> Answer:
    return Answer(200, {"Error": None, "StatusCode": engine.container(request.parts[0]).wait()})


@_route("DELETE", "/containers/([^/]+)")
def _remove(engine: Engine, request: Request) -> Answer:
    engine.remove(request.parts[0], request.flag("force"))
    return Answer(204)


@_route("GET", "/images/json")
def _images(engine: Engine, request: Request) -> Answer:
    wanted = _filters(request).get("reference", [])
    found = [i for i in engine.images.all() if not wanted or set(wanted) & {*i.tags, *i.digests}]
    return Answer(200, [image.summary(engine.uses(image)) for image in found])


@_route("GET", "/images/(.+)/json")
def _image(engine: Engine, request: Request) -> Answer:
    return Answer(200, engine.images.get(request.parts[0]).inspect())


@_route("GET", "/distribution/(.+)/json")
def _distribution(engine: Engine, request: Request) -> Answer:
    remote = engine.registry.find(request.parts[0])
    if remote is None or engine.registry.refuse:
        raise DockerFault(404, f"manifest for {request.parts[0]} not found: manifest unknown")
    platforms = [{"architecture": "amd64", "os": "linux"}]
    return Answer(200, {"Descriptor": {"digest": remote.digest, "size": 1994}, "Platforms": platforms})


@_route("POST", "/images/create")
def _pull(engine: Engine, request: Request) -> Answer:
    name, tag = request.query.get("fromImage", ""), request.query.get("tag", "")
    if not tag:
        name, tag = (
            (name, "latest")
            if ":" not in name.rpartition("/")[2]
            else (name.rpartition(":")[0], name.rpartition(":")[2])
        )
    reference = f"{name}@{tag}" if tag.startswith("sha256:") else f"{name}:{tag}"
    header = next((v for k, v in request.headers.items() if k.lower() == "x-registry-auth"), "")
    login: Any = json.loads(base64.urlsafe_b64decode(header + "===")) if header else {}
    stream: Iterator[dict[str, Any]] = engine.images.pull(reference, login)
    return Answer(200, stream)


@_route("POST", "/images/prune")
def _prune(engine: Engine, request: Request) -> Answer:
    filters = _filters(request)
    only_untagged = not set(filters.get("dangling", ["true"])) & {"false", "0"}
    return Answer(200, engine.images.prune(filters.get("label", []), only_untagged))


@_route("DELETE", "/images/(.+)")
def _remove_image(engine: Engine, request: Request) -> Answer:
    return Answer(200, engine.images.remove(request.parts[0], request.flag("force")))
