"""What a health check saw of one server, in the few values that every contestant must agree about."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from blocks.cluster import DataFlowCluster
from flows.core.facts import Answers, folders_of, host_facts, restore_points
from flows.core.health.questions import PARTS, inodes, log_bytes, notes, of_control, of_server
from flows.core.snapshot import Disk, Snapshot
from flows.core.tables import LOADING, SERVER, TABLES, read_tables

DATA_PATH, SCRIPT_FOLDER, SCRIPT = "/var/lib/portsip", "/opt/portsip-pbx-ha-guide", "dataflow.sh"
FOLDERS = folders_of(DATA_PATH)
CONTROL, SERVER_QUESTIONS = of_control(SCRIPT_FOLDER, SCRIPT), of_server(DATA_PATH, FOLDERS)
STATEMENTS = (SERVER, LOADING, TABLES, PARTS)
PBX_PATHS = (
    "/api/auth/user",
    "/api/dataflow/token",
    "/api/network",
    "/api/admin/status",
    "/api/ip_filters",
    "/api/dataflow",
)


class Seen(NamedTuple):
    """Of pbx01, of the server, of Docker, of ClickHouse, of the PBX."""

    addresses: tuple[str, ...]
    clock: bool | None
    notes: bool
    disks: tuple[Disk, ...]
    log: bool
    inodes: bool
    points: int | None
    containers: frozenset[tuple[str, str, bool]]
    rows: tuple[tuple[str, int | None], ...]
    parts: bool
    pbx: tuple[str, str, int, bool]
    certificate_ends: int


def by_flow(snapshot: Snapshot) -> Seen:
    """What our own look saw."""
    health, containers = snapshot.health, snapshot.docker.containers
    assert health is not None and health.tables is not None and containers is not None
    return Seen(
        _addresses(snapshot.control.addresses),
        snapshot.control.clock_synchronised,
        health.notes,
        _disks(snapshot.server.disks),
        health.log_bytes is not None,
        health.inodes is not None,
        None if snapshot.restore_points is None else len(snapshot.restore_points),
        frozenset((each.name, each.image, each.running) for each in containers),
        tuple((table.name, table.rows) for table in health.tables.tables),
        health.most_parts is not None,
        (
            snapshot.pbx.version or "",
            snapshot.pbx.private_address or "",
            len(snapshot.pbx.ip_rules or ()),
            snapshot.pbx.token == "present",
        ),
        int(health.certificate_ends or 0),
    )


def by_answers(
    control: Answers, server: Answers, containers: Sequence[Any], rows: Sequence[Any], pbx: Sequence[Any], ends: str
) -> Seen:
    """What somebody else found: answers of both hosts, Docker's and ClickHouse's JSON, the PBX's in its order."""
    now = time.time()
    first = host_facts("pbx01", control, sent=now, received=now, folders=())
    second = host_facts("server", server, sent=now, received=now, folders=FOLDERS)
    tables = read_tables(rows[0]["data"][0], rows[2]["data"])
    points, rules = restore_points(server, DATA_PATH), pbx[4]
    return Seen(
        _addresses(first.addresses),
        first.clock_synchronised,
        notes(control) is not None,
        _disks(second.disks),
        log_bytes(server) is not None,
        inodes(server) is not None,
        None if points is None else len(points),
        frozenset((c["Name"].lstrip("/"), c["Config"]["Image"], c["State"]["Running"]) for c in containers),
        tuple((table.name, table.rows) for table in tables.tables),
        rows[3]["data"][0]["most_parts"] is not None,
        (pbx[3]["version"], pbx[2]["private_ipv4"], len(_items(rules)), bool(pbx[1].get("token"))),
        int(datetime.strptime(ends.strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()),
    )


def look(name: str) -> Seen:
    """Our own look at a saved cluster, without a run."""
    from flows.tasks.health import look_health

    cluster = DataFlowCluster.load(name)
    assert isinstance(cluster, DataFlowCluster)
    told: Any = look_health.fn(cluster, ())
    return by_flow(told.data.value)


def parsed(texts: Sequence[str]) -> list[Any]:
    """Each text as JSON; what is none, as an answer 404, is an empty value."""
    found = []
    for text in texts:
        try:
            found.append(json.loads(text))
        except ValueError:
            found.append({})
    return found


def _items(rules: Mapping[str, Any] | Sequence[Any]) -> Sequence[Any]:
    if not isinstance(rules, Mapping):
        return rules
    return next((value for value in rules.values() if isinstance(value, list)), ())


def _addresses(addresses: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(sorted(each.address for each in addresses or ()))


def _disks(disks: Sequence[Disk] | None) -> tuple[Disk, ...]:
    return tuple(replace(disk, available=0, inodes_available=0) for disk in disks or ())
