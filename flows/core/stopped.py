"""A service that was stopped on purpose: who did it, when, and which containers, so that nobody takes it for broken."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what a look yields holds a KnownStop, and a Service is found in what a look yields
    from flows.core.installed import Service


@dataclass(frozen=True)
class KnownStop:
    """One stop that was ordered: `since` is UTC text, `change` names the folder with the rows as they were then."""

    since: str
    holder: str
    link: str
    ticket: str
    change: str
    containers: tuple[str, ...]

    def explains(self, found: Service) -> bool:
        """Whether these very containers stand there, and none of them runs."""
        there = {container.id for container in found.containers}
        return there == {*self.containers} and not any(container.running for container in found.containers)

    def __str__(self) -> str:
        ticket = f", ticket {self.ticket}" if self.ticket else ""
        return f"stopped on purpose since {self.since} by {self.holder}{ticket}"


def as_json(stop: KnownStop) -> str:
    """The text of the file on the control node."""
    return json.dumps(asdict(stop), ensure_ascii=False, indent=1)


def from_json(text: str) -> KnownStop | None:
    """What `as_json` wrote; `None` for anything else: an unreadable note explains nothing."""
    try:
        values = json.loads(text)
        known = {name: values[name] for name in (each.name for each in fields(KnownStop))}
        return KnownStop(**{**known, "containers": tuple(known["containers"])})
    except (KeyError, TypeError, ValueError):
        return None
