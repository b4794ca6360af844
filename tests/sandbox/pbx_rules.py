"""The IP list of the PBX stand-in: allowed and blocked networks, with an end."""

from __future__ import annotations

import base64
import ipaddress
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sandbox.pbx_wire import Refused, Reply, Request

FAR = "2036-01-01T00:00:00Z"


DUMMY = {"cidr": "203.0.113.7/32", "target": "DENY", "expire_at": FAR, "description": None}


class Rules:
    """`/api/ip_filters`: list, create, read; and what the list means for an address."""

    def __init__(self, *, keep_mask: bool = True, paging: str = "normal", page_limit: int = 100) -> None:
        self.rules: list[dict[str, Any]] = []
        self.keep_mask, self.paging, self.page_limit = keep_mask, paging, page_limit
        self._ids = itertools.count(700551)

    def add_rule(self, cidr: str, target: str = "ACCEPT", expire_at: str | None = FAR, description: str = "") -> str:
        """Put an entry on the list, spelled as given, and return its id."""
        name = base64.b64encode(str(next(self._ids)).encode()).decode()
        entry = {
            "id": name,
            "cidr": cidr,
            "target": target,
            "expire_at": expire_at,
            "description": description,
        }
        self.rules.append(entry)
        return name

    def block(self, address: str, seconds: float) -> None:
        """Blacklist an address as the PBX itself does after too many bad sign-ins."""
        end = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.add_rule(self._spelled(ipaddress.ip_network(address)), "DENY", end, "Auto blocked")

    def allows(self, address: str) -> bool:
        """Whether a living ACCEPT entry contains this address."""
        return self._covered(address, "ACCEPT")

    def blocks(self, address: str) -> bool:
        """Whether a living DENY entry contains this address and no ACCEPT entry does."""
        return self._covered(address, "DENY") and not self.allows(address)

    def list(self, request: Request) -> Reply:
        """GET: one page."""
        skip, top = _number(request, "skip", 0, 0), _number(request, "top", 100, 1)
        if top > 100:
            raise Refused(400, "VALIDATE_FAILED", "top must be between 1 and 100")
        if self.paging == "endless":
            items = [{**DUMMY, "id": str(skip + n)} for n in range(top)]
            return Reply(200, {"count": 10**9, "items": items})
        start = {"one-based": max(0, skip - 1), "ignores-skip": 0}.get(self.paging, skip)
        items = self.rules[start : start + min(top, self.page_limit)]
        return Reply(200, {"count": len(self.rules), "items": items})

    def create(self, request: Request) -> Reply:
        """POST: one more entry."""
        body = request.body
        end, description = body.get("expire_at"), body.get("description") or ""
        if body.get("target") not in ("ACCEPT", "DENY"):
            raise Refused(400, "VALIDATE_FAILED", "target must be ACCEPT or DENY")
        if len(description) > 255:
            raise Refused(400, "VALIDATE_FAILED", "description is longer than 255")
        try:
            network = ipaddress.ip_network(body["cidr"])
            if end is not None and _time(end).tzinfo is None:
                raise ValueError(end)
        except (KeyError, ValueError):
            raise Refused(400, "VALIDATE_FAILED", "invalid cidr or expire_at") from None
        return Reply(200, {"id": self.add_rule(self._spelled(network), body["target"], end, description)})

    def read(self, name: str) -> Reply:
        """GET of one entry."""
        for entry in self.rules:
            if entry["id"] == name:
                return Reply(200, entry)
        raise Refused(404, "UNKNOWN", "Invalid rule ID supplied.")

    def _spelled(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
        single = network.num_addresses == 1
        return str(network.network_address) if single and not self.keep_mask else str(network)

    def _covered(self, address: str, target: str) -> bool:
        return any(entry["target"] == target and _contains(entry, address) for entry in list(self.rules))


def _contains(entry: dict[str, Any], address: str) -> bool:
    try:
        network, end = ipaddress.ip_network(entry["cidr"], strict=False), entry["expire_at"]
        alive = not end or _time(end) > datetime.now(UTC)
    except (ValueError, TypeError):
        return False  # an entry that a test spelled wrong on purpose
    return alive and ipaddress.ip_address(address) in network


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _number(request: Request, name: str, default: int, least: int) -> int:
    try:
        value = int(request.query.get(name, default))
    except ValueError:
        value = least - 1
    if value < least:
        raise Refused(400, "VALIDATE_FAILED", f"{name} is not valid")
    return value
