"""What a container was created with: read from docker's JSON, folders moved below the sandbox's host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
SECOND = 1_000_000_000


@dataclass
class HealthCheck:
    """Docker's count of good and bad answers: starting, healthy, unhealthy."""

    interval: float
    retries: int
    start_period: float
    status: str = "starting"
    streak: int = 0
    log: list[Json] = field(default_factory=list)

    def note(self, well: bool, age: float) -> None:
        """Count one answer of a container that is `age` seconds old."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.log = [*self.log[-4:], {"Start": now, "End": now, "ExitCode": 0 if well else 1, "Output": ""}]
        if well:
            self.status, self.streak = "healthy", 0
        elif self.status != "starting" or age > self.start_period:
            self.streak += 1
            if self.streak >= self.retries:
                self.status = "unhealthy"

    def describe(self) -> Json:
        """The part `Health` of docker's description."""
        return {"Status": self.status, "FailingStreak": self.streak, "Log": self.log}


@dataclass(frozen=True)
class Settings:
    """The body of a create call, understood; `binds` maps container paths to folders of this machine."""

    body: Json
    reference: str
    command: tuple[str, ...]
    environment: dict[str, str]
    labels: dict[str, str]
    binds: dict[str, Path]
    shown_binds: dict[str, str]
    policy: str
    most_restarts: int
    fastest_check: float

    @property
    def host(self) -> Json:
        """The part `HostConfig` as it was given."""
        return dict(self.body.get("HostConfig") or {})

    def new_health_check(self) -> HealthCheck | None:
        """A fresh count for a start; `None` where no check was asked for."""
        check = self.body.get("Healthcheck") or {}
        test = check.get("Test") or []
        if not test or test == ["NONE"]:
            return None
        interval = (check.get("Interval") or 30 * SECOND) / SECOND
        return HealthCheck(
            min(interval, self.fastest_check),
            check.get("Retries") or 3,
            (check.get("StartPeriod") or 0) / SECOND,
        )

    def restarts_after(self, code: int, restarts: int) -> bool:
        """Whether the restart policy starts the container again after this end."""
        if self.policy == "on-failure":
            return code != 0 and (not self.most_restarts or restarts < self.most_restarts)
        return self.policy in ("always", "unless-stopped")


def read_settings(body: Json, below: Callable[[str], Path], shown: Callable[[str], str], fastest: float) -> Settings:
    """Understand a create call; `below` finds a host path on this machine, `shown` is docker's word for it.

    A plain bind of a missing folder makes an empty one, as docker does: so a typo becomes a fresh store.
    """
    host = body.get("HostConfig") or {}
    pairs = [bind.split(":")[:2] for bind in host.get("Binds") or []]
    pairs += [[m["Source"], m["Target"]] for m in host.get("Mounts") or [] if m.get("Type") == "bind"]
    for source, _ in pairs:
        if not below(source).exists():
            below(source).mkdir(parents=True)
    policy = host.get("RestartPolicy") or {}
    return Settings(
        body=body,
        reference=str(body.get("Image", "")),
        command=tuple(str(word) for word in [*(body.get("Entrypoint") or []), *(body.get("Cmd") or [])]),
        environment=dict(entry.partition("=")[::2] for entry in body.get("Env") or []),
        labels=dict(body.get("Labels") or {}),
        binds={target: below(source) for source, target in pairs},
        shown_binds={target: shown(source) for source, target in pairs},
        policy=str(policy.get("Name") or "no"),
        most_restarts=int(policy.get("MaximumRetryCount") or 0),
        fastest_check=fastest,
    )


def missing_mount(body: Json, below: Callable[[str], Path]) -> str:
    """The first `--mount` folder that is not there, which docker (unlike `-v`) refuses."""
    for mount in (body.get("HostConfig") or {}).get("Mounts") or []:
        if mount.get("Type") == "bind" and not below(mount["Source"]).exists():
            return str(mount["Source"])
    return ""
