"""A case of trouble for each rule about the machine, its disks, accounts and clock."""

from __future__ import annotations

from dataclasses import replace

from flows.core.snapshot import Listener, SavedParameters, Snapshot
from flows.core.wish import Wish
from tests.core.healthy import (
    GIB,
    SNAPSHOT,
    WISH,
    host,
    with_control,
    with_disk,
    with_server,
)

DATA = "/var/lib/portsip"
OTHER_PBX = SavedParameters("/opt/b/.configure_dataflow", {"PBX_IP_ADDRESS": "10.0.0.9"})
LISTEN = SNAPSHOT.server.listeners or ()


def listening(protocol: str, address: str, port: int, process: str = "") -> Snapshot:
    """The healthy cluster whose server listens on one more socket."""
    return with_server(listeners=(*LISTEN, Listener(protocol, address, port, process)))


def node(**changes: object) -> Snapshot:
    """The healthy cluster with another second PBX node."""
    return replace(SNAPSHOT, nodes=(host("pbx02", "192.168.1.22", **changes),))


# id, snapshot, wish, words of the message
MACHINE: list[tuple[str, Snapshot, Wish, str]] = [
    ("host.vcpu", with_server(vcpu=2), WISH, "dataflow01: 2 vCPU; required are at least 4"),
    (
        "host.memory",
        with_server(memory=int(7.7 * GIB)),
        WISH,
        "7.7 GiB of memory; required are at least 16 GiB",
    ),
    ("host.sizing", with_server(vcpu=4, memory=int(15.5 * GIB)), WISH, "4 vCPU, recommended are 8; 15.5 GiB"),
    ("host.sizing", with_server(vcpu=16), WISH, "recommended are 64 GiB (4 for each vCPU)"),
    ("host.os", with_server(os_version="22.04"), WISH, "ubuntu 22.04; required is ubuntu 24.04"),
    ("host.architecture", with_server(architecture="armv7l"), WISH, "armv7l; required is x86_64"),
    ("host.os-differs", node(os_version="22.04"), WISH, "pbx02: ubuntu 22.04; dataflow01 runs ubuntu 24.04"),
    (
        "host.os-differs",
        node(reached=False, trouble="no pinned key"),
        WISH,
        "pbx02: could not be looked at (no pinned",
    ),
    (
        "host.os-differs",
        replace(SNAPSHOT, nodes=()),
        WISH,
        "vars.yml names pbx02 (192.168.1.22), which the block",
    ),
    ("host.power-saving", with_server(sleep_masked=False), WISH, "not masked"),
    ("host.power-saving", with_server(governors=("performance", "powersave")), WISH, "governor is powersave"),
    (
        "host.system-disk",
        with_disk("/", size=30 * GIB),
        WISH,
        "the system volume has 30 GiB; required are 64 GiB",
    ),
    ("host.data-disk", with_disk(DATA, size=100 * GIB), WISH, "with 100 GiB; required are 256 GiB"),
    (
        "host.data-disk",
        with_disk(DATA, size=260 * GIB, mount="/"),
        WISH,
        "required are 320 GiB (256 GiB for data",
    ),
    (
        "host.disk-ssd",
        with_disk(DATA, rotational=True),
        WISH,
        "/dev/sdb1 under /var/lib/portsip is a rotating disk",
    ),
    (
        "host.disk-ssd",
        with_disk(DATA, rotational=True, parents=("dm-0", "vdb")),
        WISH,
        "is a virtual disk that calls",
    ),
    ("host.file-system", with_disk(DATA, file_system="nfs4"), WISH, "is on nfs4; ext4 or xfs"),
    ("host.file-system", with_disk(DATA, file_system="fuse.sshfs"), WISH, "is on fuse.sshfs"),
    ("host.file-system-untested", with_disk(DATA, file_system="btrfs"), WISH, "is on btrfs"),
    (
        "host.data-device",
        with_disk(DATA, device="/dev/sda2", parents=("sda2", "sda")),
        WISH,
        "/dev/sdb1 is expected",
    ),
    (
        "host.disk-for-calls",
        with_disk(DATA, available=20 * GIB),
        WISH,
        "20 GiB free under /var/lib/portsip; 100000",
    ),
    (
        "host.docker-room",
        with_disk("/var/lib/docker", available=3 * GIB),
        WISH,
        "3 GiB free under /var/lib/docker",
    ),
    (
        "host.docker-room",
        with_disk("/var/lib/containerd", available=2 * GIB),
        WISH,
        "2 GiB free under /var/lib/con",
    ),
    (
        "host.user-differs",
        with_control(user="ubuntu"),
        WISH,
        "pbx01: signed in as ubuntu; the cluster's user is pbx",
    ),
    ("host.password-differs", node(password_works=False), WISH, "pbx02: the password of pbx was refused"),
    ("host.sudo", with_control(sudo=False), WISH, "pbx01: pbx may not use sudo without a password"),
    (
        "host.ssh-forwarding",
        with_server(forwarding=False),
        WISH,
        "dataflow01: the SSH server forbids forwarding",
    ),
    ("host.clock", with_server(clock_synchronised=False), WISH, "dataflow01: the clock is not synchronised"),
    ("host.clock-skew", with_server(clock_offset=60.1), WISH, "the worker and dataflow01 differ by 60.1 s"),
    ("host.clock-skew", with_server(clock_offset=-4.95), WISH, "pbx01 and dataflow01 differ by 5.0 s"),
]
