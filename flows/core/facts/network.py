"""Network facts: addresses, listening sockets, and which ports of others can be reached from the host."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from flows.core.facts.question import Answers, Question, holds
from flows.core.snapshot import Address, Listener

NETWORK = (
    Question("addresses", "ip -j addr"),
    # Only root sees the processes of others; without it the sockets alone are still worth knowing.
    Question(
        "listeners",
        "if sudo -n true 2>/dev/null; then sudo -n ss -H -l -n -t -u -p; else ss -H -l -n -t -u; fi",
    ),
)

_FOR_EVER = 4294967295
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.:_-]+")
_PROCESS = re.compile(r'users:\(\("([^"]+)"')


def port_questions(ports: Sequence[tuple[str, int]]) -> tuple[Question, ...]:
    """Open a connection to each (host, port) from the host itself."""
    asked = []
    for number, (host, port) in enumerate(ports):
        if not _PLAIN_HOST.fullmatch(host):
            continue
        connect = shlex.quote(f"exec 3<>/dev/tcp/{host}/{int(port)}")
        asked.append(Question(f"port-{number}", f"timeout 3 bash -c {connect}"))
    return tuple(asked)


def parse_addresses(text: str) -> tuple[Address, ...]:
    """The addresses of all interfaces; `dynamic` for those that end: a DHCP server or a router gave them."""
    found = []
    for link in json.loads(text):
        for item in link.get("addr_info", []):
            if "local" not in item:
                continue
            lifetime = item.get("valid_life_time", _FOR_EVER)
            dynamic = bool(item.get("dynamic", False)) or lifetime != _FOR_EVER
            found.append(Address(item["local"], link["ifname"], dynamic))
    if not found:
        raise ValueError("a host without addresses")
    return tuple(found)


def parse_interfaces(text: str) -> tuple[str, ...]:
    """The names of all interfaces."""
    return tuple(link["ifname"] for link in json.loads(text) if "ifname" in link)


def parse_listeners(text: str) -> tuple[Listener, ...]:
    """Listening sockets from `ss -H -l -n -t -u [-p]`; address and port are the fifth column."""
    found = []
    for line in text.splitlines():
        columns = line.split(None, 5)
        if len(columns) < 5 or columns[0] not in ("tcp", "udp"):
            continue
        address, _, port = columns[4].rpartition(":")
        process = _PROCESS.search(line)
        if port.isdigit():
            plain = address.strip("[]").partition("%")[0].strip("[]")
            found.append(Listener(columns[0], plain or "*", int(port), process.group(1) if process else ""))
    if not found:
        raise ValueError("a host that answers by SSH listens somewhere")
    return tuple(found)


def reachable(answers: Answers, ports: Sequence[tuple[str, int]]) -> tuple[tuple[str, int, bool], ...] | None:
    """Which ports were open; those without an answer are left out, None when there was none."""
    tried = ((host, port, holds(answers, f"port-{number}")) for number, (host, port) in enumerate(ports))
    return tuple((host, port, state) for host, port, state in tried if state is not None) or None
