"""What was asked of a world for a while: every command, every request, as they came in on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sandbox.pbx_wire import Logged


@dataclass
class Recording:
    """Commands of each host, requests to Docker ("GET /info"), bytes to ClickHouse, requests to the PBX."""

    commands: dict[str, list[str]] = field(default_factory=dict)
    docker: list[str] = field(default_factory=list)
    forwarded: list[bytes] = field(default_factory=list)
    pbx: list[Logged] = field(default_factory=list)
