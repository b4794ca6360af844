"""The verbs of the stand-in for `docker`, each with docker's words and exit codes."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker_cli import Failure  # type: ignore[import-not-found]
from docker_cli_call import call, escape, follow  # type: ignore[import-not-found]
from docker_cli_options import create_body, either, every, fill, options  # type: ignore[import-not-found]


def run(words: list[str]) -> int:
    """Find the verb and do it."""
    for length in (2, 1):
        if verb := VERBS.get(" ".join(words[:length])):
            return verb(words[length:])
    if not words:
        raise Failure("Usage:  docker [OPTIONS] COMMAND", 0)
    raise Failure(f"docker: '{words[0]}' is not a docker command.\nSee 'docker --help'")


def _each(words: list[str], action: Callable[[str], None]) -> int:
    """Do it for every name; one that fails does not stop the others."""
    code = 0
    for name in words:
        try:
            action(escape(name))
            print(name)
        except Failure as failure:
            print(failure.text, file=sys.stderr)
            code = 1
    return code


def _version(words: list[str]) -> int:
    found, _ = options(words)
    facts = call("GET", "/version")
    if template := either(found, "f", "format"):
        print(fill(template, {"Server": facts, "Client": facts}))
    else:
        print(f"Client:\n Version:           {facts['Version']}\n API version:       {facts['ApiVersion']}\n")
        print(f"Server:\n Engine:\n  Version:          {facts['Version']}")
    return 0


def _info(words: list[str]) -> int:
    found, _ = options(words)
    facts = call("GET", "/info")
    template = either(
        found,
        "f",
        "format",
        default="Server Version: {{.ServerVersion}}\nDocker Root Dir: {{.DockerRootDir}}",
    )
    print(fill(template, facts))
    return 0


def _login_file() -> str:
    return os.environ.get("HOME", "/root") + "/.docker/config.json"


def _saved_login(image: str) -> str:
    """The header with the saved login for the image's registry, if there is one."""
    first = image.partition("/")[0]
    server = first if "." in first or ":" in first else "https://index.docker.io/v1/"
    try:
        with open(_login_file()) as file:  # noqa: PTH123 - pathlib takes long to start
            saved = json.load(file)["auths"][server]["auth"]
    except (OSError, KeyError, ValueError):
        return ""
    user, _, password = base64.b64decode(saved).decode().partition(":")
    text = json.dumps({"username": user, "password": password, "serveraddress": server})
    return f"X-Registry-Auth: {base64.urlsafe_b64encode(text.encode()).decode()}\r\n"


def _login(words: list[str]) -> int:
    found, rest = options([w for w in words if w != "--password-stdin"])
    password = sys.stdin.read().strip() if "--password-stdin" in words else either(found, "p", "password")
    user, server = either(found, "u", "user", "username"), (rest or ["https://index.docker.io/v1/"])[0]
    call("POST", "/auth", {"username": user, "password": password, "serveraddress": server})
    os.makedirs(_login_file().rpartition("/")[0], exist_ok=True)  # noqa: PTH103
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    with open(_login_file(), "w") as file:  # noqa: PTH123
        json.dump({"auths": {server: {"auth": auth}}}, file)
    print("Login Succeeded")
    return 0


def _pull(words: list[str]) -> int:
    _, (image, *_) = options([w for w in words if w not in ("-q", "--quiet")])
    for line in follow(f"/images/create?fromImage={escape(image)}", _saved_login(image)):
        if "error" in line:
            raise Failure(line["error"])
        if "progressDetail" not in line or not line["progressDetail"]:
            print(f"{line['id']}: {line['status']}" if "id" in line else line["status"], flush=True)
    print(image if "/" not in image or "." in image.partition("/")[0] else f"docker.io/{image}")
    return 0


def _made(words: list[str]) -> tuple[str, dict[str, list[str]]]:
    """Create a container, with its image pulled where that is missing; its id, and the options."""
    found, (image, *command) = options(words, stop_at_first=True)
    try:
        call("GET", f"/images/{escape(image)}/json")
    except Failure as missing:
        if "No such image" not in missing.text:
            raise
        print(f"Unable to find image '{image}' locally", file=sys.stderr)
        _pull([image])
    name = escape(either(found, "name"))
    with _said_with_help():
        return str(call("POST", f"/containers/create?name={name}", create_body(found, image, command))["Id"]), found


@contextmanager
def _said_with_help() -> Iterator[None]:
    try:
        yield
    except Failure as failure:
        raise Failure(f"docker: {failure.text}.\nSee 'docker run --help'.", 125) from None


def _create(words: list[str]) -> int:
    print(_made(words)[0])
    return 0


def _run(words: list[str]) -> int:
    made, found = _made(words)
    with _said_with_help():
        call("POST", f"/containers/{made}/start")
    if "d" in found or "detach" in found:
        print(made)
        return 0
    code = int(call("POST", f"/containers/{made}/wait")["StatusCode"])
    _logs([made])
    if "rm" in found:
        call("DELETE", f"/containers/{made}?force=1")
    return code


def _logs(words: list[str]) -> int:
    _, (name, *_) = options(words)
    data = call("GET", f"/containers/{escape(name)}/logs?stdout=1&stderr=1")
    while data:
        length = int.from_bytes(data[4:8], "big")
        sys.stdout.write(data[8 : 8 + length].decode(errors="replace"))
        data = data[8 + length :]
    return 0


def _stop(words: list[str], verb: str = "stop") -> int:
    found, names = options(words)
    patience = either(found, "t", "time", "timeout", default="10")
    return _each(names, lambda name: call("POST", f"/containers/{name}/{verb}?t={patience}"))


def _remove(words: list[str]) -> int:
    _, names = options([word for word in words if word not in ("-f", "-v", "-fv", "-vf")])
    force = int(any(word in ("-f", "-fv", "-vf", "--force") for word in words))
    return _each(names, lambda name: call("DELETE", f"/containers/{name}?force={force}"))


def _inspect(words: list[str], kinds: tuple[str, ...] = ("containers", "images"), what: str = "object") -> int:
    found, names = options(words)
    answers, code = [], 0
    for name in names:
        for kind in kinds:
            try:
                answers.append(call("GET", f"/{kind}/{escape(name)}/json"))
                break
            except Failure as failure:
                if "No such" not in failure.text:
                    raise
        else:
            print(f"Error: No such {what}: {name}", file=sys.stderr)
            code = 1
    if template := either(found, "f", "format"):
        print("\n".join(fill(template, answer) for answer in answers))
    else:
        print(json.dumps(answers, indent=4))
    return code


def _prune(words: list[str]) -> int:
    found, _ = options([word for word in words if word not in ("-a", "-f", "-af", "-fa")])
    labels = [value.partition("=")[2] for value in every(found, "filter") if value.startswith("label=")]
    whole = any(word in ("-a", "-af", "-fa", "--all") for word in words)
    filters = json.dumps({"dangling": ["false" if whole else "true"], "label": labels})
    gone = call("POST", f"/images/prune?filters={escape(filters)}")
    for entry in gone["ImagesDeleted"] or []:
        print("".join(f"{key.lower()}: {value}" for key, value in entry.items()))
    print(f"\nTotal reclaimed space: {gone['SpaceReclaimed'] / 1e6:.1f}MB")
    return 0


def _list(words: list[str]) -> int:
    found, _ = options([word for word in words if word not in ("-a", "-q", "-aq", "-qa")])
    filters: dict[str, list[str]] = {}
    for value in every(found, "filter"):
        filters.setdefault(value.partition("=")[0], []).append(value.partition("=")[2])
    everything = int(any(word in ("-a", "-aq", "-qa", "--all") for word in words))
    entries = call("GET", f"/containers/json?all={everything}&filters={escape(json.dumps(filters))}")
    template = either(found, "f", "format", default="{{.ID}}   {{.Image}}   {{.Status}}   {{.Names}}")
    if any(word in ("-q", "-aq", "-qa", "--quiet") for word in words):
        template = "{{.ID}}"
    elif "format" not in found:
        print("CONTAINER ID   IMAGE   STATUS   NAMES")
    for entry in entries:
        print(fill(template, {**entry, "ID": entry["Id"][:12], "Names": entry["Names"][0].lstrip("/")}))
    return 0


def _exec(words: list[str]) -> int:
    from docker_cli_exec import execute  # type: ignore[import-not-found]

    return int(execute(words))


VERBS: dict[str, Callable[[list[str]], int]] = {
    "version": _version,
    "info": _info,
    "login": _login,
    "pull": _pull,
    "run": _run,
    "create": _create,
    "exec": _exec,
    "logs": _logs,
    "start": lambda words: _stop(words, "start"),
    "stop": _stop,
    "restart": lambda words: _stop(words, "restart"),
    "rm": _remove,
    "inspect": _inspect,
    "container inspect": lambda words: _inspect(words, ("containers",), "container"),
    "image inspect": lambda words: _inspect(words, ("images",), "image"),
    "image prune": _prune,
    "ps": _list,
}
