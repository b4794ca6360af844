"""What a first contact saw, as values: one for each door, `None` where that door stayed shut.

As everywhere, what a system did not tell is `None` or empty: unknown is never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.core.contact.arrival import Arrival
from flows.core.contact.script import Script
from flows.core.snapshot import Container, DockerFacts, SavedParameters


@dataclass(frozen=True)
class Door:
    """One way into the cluster: what it is called, where it is, and why it stayed shut ("" when it opened)."""

    name: str
    where: str
    trouble: str = ""
    block: str = ""  # name of the saved block
    asked: tuple[str, ...] = ()  # every request or question, in our words


@dataclass(frozen=True)
class Reply:
    """What the PBX answered to a GET: its status (0: nothing came) and the shape of its reply."""

    path: str
    status: int
    shape: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class PbxSeen:
    """The PBX: how the sign-in went, what the account may do, what the endpoints answer."""

    sign_in: str  # path of the sign-in that worked
    token_life: float | None  # seconds
    verification: str  # how its certificate was checked
    certificate_end: float | None = None  # seconds since 1970
    version: str = ""
    role: str = ""
    rights: tuple[str, ...] = ()  # over system settings
    enough_rights: bool | None = None
    replies: tuple[Reply, ...] = ()
    private_address: str = ""
    web_domain: bool | None = None  # whether it has one
    waits: tuple[str, ...] = ()  # what it said of throttling

    def reply(self, path: str) -> Reply | None:
        """The answer of this endpoint, where it was asked."""
        return next((reply for reply in self.replies if reply.path == path), None)


@dataclass(frozen=True)
class HostSeen:
    """One Linux host."""

    user: str
    name: str = ""
    system: str = ""  # "ubuntu 24.04"
    addresses: tuple[str, ...] = ()
    sudo: bool | None = None  # without a password
    python: bool | None = None


@dataclass(frozen=True)
class Node:
    """Another PBX node that `vars.yml` names: its name, address, and the key that it shows (or why it shows none)."""

    name: str
    address: str
    key: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class ControlSeen:
    """The control node: the vendor's scripts, read and not run, but for the status of the HA cluster."""

    host: HostSeen
    folder: str
    present: bool | None = None
    sha256: str = ""
    script: Script | None = None
    variables: Mapping[str, str] | None = field(default=None, repr=False)
    beside: tuple[str, ...] = ()
    key: bool | None = None  # ~/.ssh/id_rsa.pub is there
    trusted: bool | None = None  # the firewall's zone `trusted` lists somebody; None: no firewalld, or not told
    ha_verb: str = ""
    ha_text: str = ""
    ha_verbs: tuple[str, ...] = ()
    ha_healthy: bool | None = None
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True)
class ClickHouseSeen:
    """ClickHouse: its version, its databases and tables (name, engine, rows, bytes), and how rows arrive."""

    version: str
    tables: tuple[tuple[str, str, int | None, int], ...]
    arrival: Arrival


@dataclass(frozen=True)
class ServerSeen:
    """The Data Flow server."""

    host: HostSeen
    docker: DockerFacts
    data_path: str = ""
    clickhouse: Container | None = None
    dataflow: Container | None = None
    others: int = 0  # containers that are not the service's
    strangers: int = 0  # containers on its data path that are neither of the two
    health_checks: Mapping[str, str] = field(default_factory=dict)  # container -> its command
    saved: tuple[SavedParameters, ...] | None = None
    reachable: tuple[tuple[str, int, bool], ...] | None = None
    connections: tuple[int, ...] | None = None
    database: ClickHouseSeen | None = None
    database_trouble: str = ""


@dataclass(frozen=True)
class Seen:
    """All of it; `made` is seconds since 1970."""

    made: float
    script_folder: str
    doors: tuple[Door, ...]
    pbx: PbxSeen | None = None
    control: ControlSeen | None = None
    server: ServerSeen | None = None

    @property
    def opened(self) -> int:
        """How many doors opened."""
        return sum(not door.trouble for door in self.doors)
