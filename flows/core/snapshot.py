"""What a look at the cluster yields: plain values, gathered by tasks, judged by rules.

Every field that a host or system may fail to tell is `None` when it did not: unknown is never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState
from flows.core.health.seen import Health
from flows.core.rehearsal import Rehearsal
from flows.core.restore_point import RestorePoint
from flows.core.stopped import KnownStop


@dataclass(frozen=True)
class Disk:
    """The file system that holds (or will hold) a folder; sizes in bytes, `rotational` from its block device."""

    path: str
    mount: str
    device: str
    file_system: str
    size: int
    available: int
    inodes_available: int
    rotational: bool | None = None
    parents: tuple[str, ...] = ()  # the block devices below it, partition to disk


@dataclass(frozen=True)
class Address:
    """An IPv4 or IPv6 address of a host; `dynamic` when a DHCP server gave it."""

    address: str
    interface: str
    dynamic: bool


@dataclass(frozen=True)
class Listener:
    """A listening socket: protocol (`tcp`, `udp`), local address, port, and process name where it can be seen."""

    protocol: str
    address: str
    port: int
    process: str = ""


@dataclass(frozen=True)
class HostFacts:
    """What one Linux host tells about itself; `None` means that it did not answer."""

    name: str
    os_id: str | None = None  # "ubuntu"
    os_version: str | None = None  # "24.04"
    architecture: str | None = None  # "x86_64"
    vcpu: int | None = None
    memory: int | None = None  # bytes
    disks: tuple[Disk, ...] | None = None  # one per asked folder, in the order asked
    addresses: tuple[Address, ...] | None = None
    interfaces: tuple[str, ...] | None = None  # names, with tunnels
    clock_synchronised: bool | None = None
    clock_offset: float | None = None  # seconds against the worker; positive: the host is ahead
    clock_uncertainty: float = 0.0  # half of the round trip in which the offset was read
    pending_updates: tuple[str, ...] | None = None
    package_lists_age: float | None = None  # seconds
    reboot_pending: bool | None = None
    automatic_reboot: bool | None = None
    sleep_masked: bool | None = None
    governors: tuple[str, ...] | None = None  # empty: no frequency scaling (a virtual machine)
    packages: frozenset[str] | None = None
    processes: frozenset[str] | None = None
    listeners: tuple[Listener, ...] | None = None
    sudo: bool | None = None  # without a password
    python: bool | None = None
    boot_id: str | None = None
    reachable: tuple[tuple[str, int, bool], ...] | None = None  # (address, port, open), tried from this host
    forwarding: bool | None = None  # SSH forwarding allowed
    user: str | None = None  # the user that signed in
    password_works: bool | None = None  # the cluster's user and password sign in here; None: not tried
    reached: bool = True  # False: this host could not be looked at; `trouble` says why
    trouble: str = ""


@dataclass(frozen=True)
class ScriptFacts:
    """The vendor's script and its neighbours on the control node."""

    folder: str
    name: str
    present: bool | None = None
    sha256: str = ""
    verbs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # option letters found in the text
    upgrade_options: str | None = None  # those of its verb `upgrade`; None: cannot be told
    variables: dict[str, str] | None = None  # res/vars.yml; None: unreadable
    ha_status: str | None = None  # the words of ha_ctl.sh; None: not to be had
    public_key: str | None = None  # the control node's ~/.ssh/id_rsa.pub; "" when there is none
    knows_server: bool | None = None  # known_hosts holds the server's pinned key
    logs_in: bool | None = None  # password-less login from control to server works now


@dataclass(frozen=True)
class IpRule:
    """One entry of the PBX's IP list: network, ACCEPT or DENY, and when it ends (seconds since 1970; None: never)."""

    id: str
    network: str
    target: str
    expires: float | None
    description: str = ""


@dataclass(frozen=True)
class PbxFacts:
    """What the PBX answers over its REST API."""

    reached: bool = True
    trouble: str = ""
    version: str | None = None
    private_address: str | None = None
    public_address: str | None = None
    ip_rules: tuple[IpRule, ...] | None = None
    token: str | None = None  # "present", "absent"; None: unknown
    token_trouble: str = ""  # why the token's state is unknown
    token_hash: str = ""  # a short hash of the token; "" where the PBX shows none
    registered: tuple[str, ...] | None = None  # addresses shown in the Data Flow server row; None: not to be read
    worker_address: str | None = None  # our own address as the connection had it


@dataclass(frozen=True)
class Container:
    """One container on the server; `mounts` maps container paths to host paths, `health` is "" without a check."""

    id: str
    name: str
    image: str  # the reference it was created with
    image_id: str
    digests: tuple[str, ...]
    running: bool
    health: str
    restarts: int
    mounts: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    compose_folder: str = ""
    exit_code: int | None = None  # of its last end; None while it runs, and before its first start


@dataclass(frozen=True)
class Image:
    """An image on the server: its id, repository digests and the labels `version` and `product`."""

    reference: str
    id: str
    digests: tuple[str, ...]
    version: str = ""
    size: int = 0


@dataclass(frozen=True)
class DockerFacts:
    """What the Docker engine of the server answers; `present` is False where no engine is installed."""

    present: bool | None = None
    trouble: str = ""
    version: str | None = None
    root: str | None = None
    containers: tuple[Container, ...] | None = None
    images: tuple[Image, ...] | None = None  # only the wanted ones that are there


@dataclass(frozen=True)
class SavedParameters:
    """What an earlier installation recorded in its `.configure_dataflow` (file name and keys)."""

    file: str
    values: dict[str, str]


@dataclass(frozen=True)
class Snapshot:
    """The whole cluster as one look saw it; `taken_at` is seconds since 1970, UTC."""

    taken_at: float
    control: HostFacts
    server: HostFacts
    nodes: tuple[HostFacts, ...]
    script: ScriptFacts
    pbx: PbxFacts
    docker: DockerFacts
    saved: tuple[SavedParameters, ...] | None = None  # None: could not be searched
    password_recorded: bool | None = None  # system.ini holds a ClickHouse password
    lock: ChangeLock | None = None  # who holds the cluster; None: nobody
    script_runs: bool = False  # the script that the lock's holder started
    password_file: bool | None = None  # system.ini is there at all; None: could not be looked for
    known_stop: KnownStop | None = None  # the last stop that was ordered; it may be over
    unfinished: ChangeState | None = None  # of the change that the lock names, where that keeps a folder
    restore_points: tuple[RestorePoint, ...] | None = None  # None: could not be looked for
    health: Health | None = None  # only a health check asks for it
    rehearsals: tuple[Rehearsal, ...] | None = None  # that the control node remembers; None: not looked for

    @property
    def begun(self) -> bool:
        """Whether a change has begun here and is not over; a lock alone has done nothing yet."""
        return self.unfinished is not None or (self.lock is not None and self.lock.phase != "preparing")
