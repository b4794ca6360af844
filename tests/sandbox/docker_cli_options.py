"""What the options of `docker` mean, as far as the stand-in knows them."""

from __future__ import annotations

import json
import os
import re
from typing import Any

Found = dict[str, list[str]]
SECONDS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9}
VALUE_OPTIONS = {
    *("--name", "--network", "--restart", "-u", "--user", "-e", "--env", "-v", "--volume", "-l", "--label"),
    *("--health-cmd", "--health-interval", "--health-retries", "--health-start-period", "--health-timeout"),
    *("--cap-add", "--ulimit", "-t", "--time", "--timeout", "-f", "--format", "--filter", "-p", "--password"),
    *("-s", "--signal", "--tail", "--pull", "--entrypoint", "--mount"),
}


def options(words: list[str], stop_at_first: bool = False) -> tuple[Found, list[str]]:
    """Split into options (name to values) and the other words; `run` ends its options at the image."""
    found: Found = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            rest.append(word)
            if stop_at_first:
                return found, rest + words
            continue
        name, equals, value = word.partition("=")
        if name in VALUE_OPTIONS and not equals:
            value = words.pop(0) if words else ""
        found.setdefault(name.lstrip("-"), []).append(value)
    return found, rest


def either(found: Found, *names: str, default: str = "") -> str:
    """The last value of an option that has several names."""
    return next((found[name][-1] for name in names if name in found), default)


def every(found: Found, *names: str) -> list[str]:
    """All values of an option that can be given several times."""
    return [value for name in names for value in found.get(name, [])]


def duration(text: str) -> int:
    """`1s` or `500ms` in nanoseconds."""
    number = text.rstrip("ms")
    return int(float(number) * SECONDS[text[len(number) :] or "s"]) if number else 0


def create_body(found: Found, image: str, command: list[str]) -> dict[str, Any]:
    """The body of the create call for the options of `run`."""
    policy, _, most = either(found, "restart", default="no").partition(":")
    limits = [entry.partition("=") for entry in every(found, "ulimit")]
    body: dict[str, Any] = {
        "Image": image,
        "Cmd": command,
        "User": either(found, "u", "user"),
        "Env": [e if "=" in e else f"{e}={os.environ.get(e, '')}" for e in every(found, "e", "env")],
        "Labels": dict(label.partition("=")[::2] for label in every(found, "l", "label")),
        "HostConfig": {
            "Binds": every(found, "v", "volume"),
            "NetworkMode": either(found, "network", "net", default="default"),
            "RestartPolicy": {"Name": policy, "MaximumRetryCount": int(most or 0)},
            "CapAdd": every(found, "cap-add"),
            "Ulimits": [{"Name": n, "Soft": int(v.split(":")[0]), "Hard": int(v.split(":")[-1])} for n, _, v in limits],
        },
    }
    if "health-cmd" in found:
        body["Healthcheck"] = {
            "Test": ["CMD-SHELL", either(found, "health-cmd")],
            "Interval": duration(either(found, "health-interval", default="30s")),
            "Retries": int(either(found, "health-retries", default="3")),
            "StartPeriod": duration(either(found, "health-start-period", default="0s")),
        }
    return body


def fill(template: str, values: Any) -> str:
    """Go's templates, as far as `{{.Name.Name}}` and `{{json .Name}}`."""

    def one(found: re.Match[str]) -> str:
        value = values
        for name in filter(None, found[2].split(".")):
            value = value.get(name, "<no value>") if isinstance(value, dict) else "<no value>"
        return json.dumps(value, separators=(",", ":")) if found[1] or not isinstance(value, str) else value

    return re.sub(r"\{\{\s*(json )?\s*\.([\w.]*)\s*\}\}", one, template)
