"""A cluster on which no rule finds anything, and a wish that fits it; tests change one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flows.core.snapshot import (
    Address,
    Container,
    Disk,
    DockerFacts,
    HostFacts,
    Image,
    IpRule,
    Listener,
    PbxFacts,
    SavedParameters,
    ScriptFacts,
    Snapshot,
)
from flows.core.wish import Requirements, Wish

GIB = 1024**3
NOW = 1_800_000_000.0
DAY = 86400.0

REQUIREMENTS = Requirements(
    vcpu=4,
    memory_gib=16,
    recommended_vcpu=8,
    recommended_memory_gib=32,
    system_disk_gib=64,
    data_disk_gib=256,
    os_id="ubuntu",
    os_versions=("24.04",),
    architectures=("x86_64",),
    pbx_version="22.3.0",
    clock_skew=5.0,
    package_list_age=7.0,
    source="the guide of December 2025",
)

WISH = Wish(
    data_path="/var/lib/portsip",
    private_address="192.168.1.26",
    public_address="",
    pbx_image="",
    clickhouse_image="portsip/clickhouse:25.8",
    user="pbx",
    pbx_address="192.168.1.20",
    pbx_ports=(8887, 4222),
    calls_per_day=100_000,
    retention_days=730,
    bytes_per_call=1000,
    image_bytes=10 * GIB,
    script_folder="/opt/portsip-pbx-ha-guide",
    script_name="dataflow.sh",
    whitelist_days=3650,
    data_device="/dev/sdb1",
    token_by_hand=False,
    requirements=REQUIREMENTS,
    now=NOW,
)

SYSTEM_DISK = Disk("/", "/", "/dev/sda2", "ext4", 126 * GIB, 100 * GIB, 8_000_000, False, ("sda2", "sda"))
DATA_DISK = Disk(
    "/var/lib/portsip",
    "/var/lib/portsip",
    "/dev/sdb1",
    "xfs",
    500 * GIB,
    400 * GIB,
    9_000_000,
    False,
    ("sdb1", "sdb"),
)
DOCKER_DISK = replace(SYSTEM_DISK, path="/var/lib/docker")
CONTAINERD_DISK = replace(SYSTEM_DISK, path="/var/lib/containerd")


def host(name: str, address: str, **more: Any) -> HostFacts:
    """A machine as the guide wants it."""
    facts = HostFacts(
        name=name,
        os_id="ubuntu",
        os_version="24.04",
        architecture="x86_64",
        vcpu=8,
        memory=int(31.3 * GIB),
        disks=(SYSTEM_DISK, DATA_DISK, DOCKER_DISK, CONTAINERD_DISK),
        addresses=(Address("127.0.0.1", "lo", False), Address(address, "ens3", False)),
        interfaces=("lo", "ens3", "docker0"),
        clock_synchronised=True,
        clock_offset=0.1,
        clock_uncertainty=0.01,
        pending_updates=(),
        package_lists_age=2 * DAY,
        reboot_pending=False,
        automatic_reboot=False,
        sleep_masked=True,
        governors=(),
        packages=frozenset({"bash", "postgresql-client-16", "openssh-server"}),
        processes=frozenset({"systemd", "sshd", "unattended-upgr"}),
        listeners=(
            Listener("udp", "127.0.0.53", 53, "systemd-resolve"),
            Listener("tcp", "127.0.0.54", 53, "systemd-resolve"),
            Listener("udp", "192.168.1.26", 68, "systemd-network"),
            Listener("tcp", "0.0.0.0", 22, "sshd"),
        ),
        sudo=True,
        python=True,
        boot_id="b",
        reachable=(("192.168.1.20", 8887, True), ("192.168.1.20", 4222, True)),
        forwarding=True,
        user="pbx",
        password_works=True,
    )
    return replace(facts, **more)


VARIABLES = {
    "pbx01_hostname": "pbx01",
    "pbx01_private_ip": "192.168.1.21",
    "pbx02_hostname": "pbx02",
    "pbx02_private_ip": "192.168.1.22",
    "vip": "192.168.1.20",
    "pbx_image": "portsip/pbx:22",
}

HA_STATUS = """vip    (ocf::heartbeat:IPaddr2):    Started pbx01
pbx    (ocf::portsip:pbx):    Started pbx01
"""

CLICKHOUSE = Container(
    id="c1",
    name="portsip.clickhouse",
    image="portsip/clickhouse:25.8",
    image_id="sha256:1",
    digests=(),
    running=True,
    health="healthy",
    restarts=0,
    mounts={"/var/lib/clickhouse": "/var/lib/portsip/clickhouse/data"},
)
DATAFLOW = Container(
    id="c2",
    name="portsip.dataflow",
    image="portsip/pbx:22",
    image_id="sha256:2",
    digests=(),
    running=True,
    health="",
    restarts=0,
    mounts={"/var/lib/portsip/dataflow": "/var/lib/portsip/dataflow"},
)
SAVED = SavedParameters(
    "/opt/portsip/dataflow-server-only/.configure_dataflow",
    {"DATA_PATH": "/var/lib/portsip/", "PBX_IP_ADDRESS": "192.168.1.20"},
)


def ip_rule(network: str, target: str = "ACCEPT", days: float | None = None) -> IpRule:
    """An entry of the PBX's list that ends so many days from now."""
    return IpRule("1", network, target, None if days is None else NOW + days * DAY)


SNAPSHOT = Snapshot(
    taken_at=NOW,
    control=host("pbx01", "192.168.1.21"),
    server=host("dataflow01", "192.168.1.26"),
    nodes=(host("pbx02", "192.168.1.22"),),
    script=ScriptFacts(
        folder="/opt/portsip-pbx-ha-guide",
        name="dataflow.sh",
        present=True,
        sha256="0" * 64,
        verbs=("run", "start", "stop", "restart", "upgrade", "rm"),
        options=("A", "a", "d", "i", "p"),
        variables=VARIABLES,
        ha_status=HA_STATUS,
        public_key="ssh-rsa AAAA pbx@pbx01",
        knows_server=True,
        logs_in=True,
    ),
    pbx=PbxFacts(
        version="22.8.0",
        private_address="192.168.1.20",
        ip_rules=(ip_rule("192.168.1.0/24", days=4000),),
        token="present",
        worker_address="192.168.1.50",
    ),
    docker=DockerFacts(
        present=True,
        version="28.1.1",
        root="/var/lib/docker",
        containers=(CLICKHOUSE, DATAFLOW),
        images=(
            Image(CLICKHOUSE.image, CLICKHOUSE.image_id, ()),
            Image(DATAFLOW.image, DATAFLOW.image_id, ()),
        ),
    ),
    saved=(SAVED,),
    password_recorded=True,
    password_file=True,
)


def with_server(**changes: Any) -> Snapshot:
    """The healthy cluster with another server."""
    return replace(SNAPSHOT, server=replace(SNAPSHOT.server, **changes))


def with_control(**changes: Any) -> Snapshot:
    """The healthy cluster with another control node."""
    return replace(SNAPSHOT, control=replace(SNAPSHOT.control, **changes))


def with_script(**changes: Any) -> Snapshot:
    """The healthy cluster with another script on the control node."""
    return replace(SNAPSHOT, script=replace(SNAPSHOT.script, **changes))


def with_pbx(**changes: Any) -> Snapshot:
    """The healthy cluster with another PBX."""
    return replace(SNAPSHOT, pbx=replace(SNAPSHOT.pbx, **changes))


def with_docker(**changes: Any) -> Snapshot:
    """The healthy cluster with another Docker engine on the server."""
    return replace(SNAPSHOT, docker=replace(SNAPSHOT.docker, **changes))


def with_disk(path: str, **changes: Any) -> Snapshot:
    """The healthy cluster with another file system under one folder of the server."""
    disks = tuple(replace(d, **changes) if d.path == path else d for d in SNAPSHOT.server.disks or ())
    return with_server(disks=disks)


def wish(**changes: Any) -> Wish:
    """The healthy wish with other settings."""
    return replace(WISH, **changes)


def requiring(**changes: Any) -> Wish:
    """The healthy wish with other requirements."""
    return replace(WISH, requirements=replace(REQUIREMENTS, **changes))
