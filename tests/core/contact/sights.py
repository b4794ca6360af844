"""What a first contact may have seen, as values: everything, and less."""

from __future__ import annotations

from typing import Any

from flows.core.contact.arrival import Arrival
from flows.core.contact.script import read_script
from flows.core.contact.seen import ClickHouseSeen, ControlSeen, Door, HostSeen, Node, PbxSeen, Reply, Seen, ServerSeen
from flows.core.snapshot import Container, DockerFacts, SavedParameters
from tests.sandbox import vendor

VARIABLES = {"vip": "192.168.1.20", "pbx_image": "portsip/pbx:22", "hub_password": "hunter2"}
RULES = "{count: number, items: 1 of {cidr: network/32, target: text, expire_at: time in Z}}"
DATABASE = Container(
    "1", "db", "portsip/clickhouse:25.8", "sha256:1", (), True, "healthy", 0,
    {"/var/lib/clickhouse": "/var/lib/portsip/clickhouse/data"}, compose_folder="/opt/portsip/dataflow-server-only",
)  # fmt: skip
WRITER = Container(
    "2", "writer", "portsip/pbx:22", "sha256:2", (), True, "", 0,
    {"/var/lib/portsip/dataflow": "/var/lib/portsip/dataflow"},
    command=("/usr/local/bin/dataflow", "serve", "-a", "192.168.1.20", "-x", "192.168.1.26", "-t", "2.SECRETTOKEN"),
)  # fmt: skip


def pbx(**known: Any) -> PbxSeen:
    """A PBX 22.8 that answers everything."""
    replies = (
        Reply("/api/ip_filters", 200, RULES),
        Reply("/api/dataflow", 200, "{private_ipv4: address}"),
        Reply("/api/dataflow/token", 200, "{token: text}"),
        Reply("/api/dataflow/status", 200, "{status: text}"),
        Reply("/api/im", 404, "{errors: empty list}"),
        Reply("/api/sbc", 404, "{errors: empty list}"),
    )
    told: dict[str, Any] = {
        "sign_in": "/api/auth/sign_in",
        "token_life": 1800.0,
        "verification": "fingerprint",
        "version": "22.8.0",
        "role": "SystemAdmin",
        "enough_rights": True,
        "private_address": "192.168.1.20",
        "web_domain": True,
        "replies": replies,
    }
    return PbxSeen(**{**told, **known})


def control(**known: Any) -> ControlSeen:
    """A pbx01 with the stand-in of 22.8 and a healthy HA cluster."""
    told: dict[str, Any] = {
        "present": True,
        "sha256": "ab" * 32,
        "script": read_script(vendor.script("22.8")),
        "variables": VARIABLES,
        "beside": ("dataflow.sh", "ha_ctl.sh"),
        "key": True,
        "ha_verb": "status",
        "ha_text": "pbx    (ocf::portsip:pbx):    Started pbx01",
        "ha_healthy": True,
        "ha_verbs": ("status", "show"),
        "nodes": (
            Node("pbx02", "192.168.1.22", "ssh-ed25519 AAAA"),
            Node("pbx03", "192.168.1.23", trouble="timed out"),
        ),
    }
    host = HostSeen("pbx", "pbx01", "ubuntu 24.04", ("192.168.1.21",), True, True)
    return ControlSeen(host, vendor.FOLDER, **{**told, **known})


def database(**rows: Any) -> ClickHouseSeen:
    """A ClickHouse whose rows come one insert at a time."""
    told = {
        "settings": [{"name": "async_insert", "value": "0", "changed": 0}],
        "events": [{"name": "InsertQuery", "value": 200}, {"name": "InsertedRows", "value": 1000}],
        "metrics": [{"name": "HTTPConnection", "value": 2}],
        "databases": [{"name": "default", "engine": "Atomic"}],
        **rows,
    }
    return ClickHouseSeen("25.8.2.1", (("default.cdr", "MergeTree", 5000, 2048),), Arrival(told, {}))


def server(**known: Any) -> ServerSeen:
    """A server with the service as it runs."""
    saved = {"DATA_PATH": "/var/lib/portsip", "PRI_IP_ADDRESS": "192.168.1.26", "DB_IMG": "portsip/clickhouse:25.8"}
    told: dict[str, Any] = {
        "data_path": "/var/lib/portsip",
        "clickhouse": DATABASE,
        "dataflow": WRITER,
        "health_checks": {"db": "wget --spider"},
        "saved": (SavedParameters("/opt/x/.configure_dataflow", saved),),
        "reachable": (("192.168.1.20", 8887, True), ("192.168.1.20", 4222, False)),
        "connections": (4222, 8887),
        "database": database(),
    }
    host = HostSeen("pbx", "dataflow01", "ubuntu 24.04", ("192.168.1.26",), True, True)
    return ServerSeen(host, DockerFacts(True, version="29.0"), **{**told, **known})


def seen(**known: Any) -> Seen:
    """A first contact; `pbx=None` and the like is a door that stayed shut."""
    parts = {"pbx": pbx(), "control": control(), "server": server(), **known}
    names = {"pbx": "PBX", "control": "pbx01", "server": "server"}
    doors = tuple(
        Door(names[key], "here", "" if part else "no route to host", asked=("all",)) for key, part in parts.items()
    )
    return Seen(0.0, vendor.FOLDER, doors, **parts)
