"""Rules about disks: size, kind, file system, and room for calls and images."""

from __future__ import annotations

from flows.core.facts.disks import CONTAINERD_ROOT
from flows.core.findings import Level
from flows.core.preflight.rule import known, of, rule
from flows.core.preflight.sizes import enough_disk, gib
from flows.core.snapshot import Disk, Snapshot
from flows.core.wish import Wish

SPACE = "Disk Space Recommendations"
HARDWARE = "Hardware Requirements"
GOOD_FILE_SYSTEMS = ("ext4", "xfs")
# Over a network (slow, locks that lie) or gone after a reboot: not for a database.
BAD_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "virtiofs", "lustre"}
    | {"tmpfs", "ramfs", "devtmpfs", "overlay", "squashfs", "vfat", "exfat", "ntfs", "ntfs3"}
)
# Their bus says "rotational" whatever lies behind it.
VIRTUAL_DISKS = ("vd", "xvd")


def disk(snapshot: Snapshot, path: str) -> Disk:
    """The file system under a folder that was asked about."""
    found = (d for d in of(snapshot.server, snapshot.server.disks, "the disks") if d.path == path)
    return known(next(found, None), f"the disk under {path} of {snapshot.server.name}")


@rule("host.system-disk", hint="Enlarge the system volume.", guide=SPACE)
def system_disk(snapshot: Snapshot, wish: Wish) -> str | None:
    """System Volume (Linux OS): Minimum 64 GB."""
    seen, wanted = disk(snapshot, "/").size, wish.requirements.system_disk_gib
    if enough_disk(seen, wanted):
        return None
    return f"{snapshot.server.name}: the system volume has {gib(seen)}; required are {wanted:g} GiB"


@rule("host.data-disk", hint="Give the data its own, larger volume, mounted at the data path.", guide=SPACE)
def data_disk(snapshot: Snapshot, wish: Wish) -> str | None:
    """Data Volume (PBX Data): Minimum 256 GB."""
    data, system, asked = disk(snapshot, wish.data_path), disk(snapshot, "/"), wish.requirements
    shared = data.mount == system.mount
    wanted = asked.data_disk_gib + (asked.system_disk_gib if shared else 0)
    if enough_disk(data.size, wanted):
        return None
    why = f"{asked.data_disk_gib:g} GiB for data and {asked.system_disk_gib:g} GiB for the system on one volume"
    seen = f"{snapshot.server.name}: {wish.data_path} lies on {data.mount} with {gib(data.size)}"
    return f"{seen}; required are {wanted:g} GiB" + (f" ({why})" if shared else "")


@rule(
    "host.disk-ssd",
    level=Level.WARNING,
    hint="Use an SSD, best NVMe. A virtual disk may lie on one and not say so: ask who runs the host.",
    guide=HARDWARE,
)
def disk_ssd(snapshot: Snapshot, wish: Wish) -> str | None:
    """Disk: 128 GB SSD (NVMe SSD preferred)."""
    data = disk(snapshot, wish.data_path)
    if not known(data.rotational, f"whether {data.device} under {wish.data_path} is an SSD"):
        return None
    virtual = any(name.startswith(VIRTUAL_DISKS) for name in (data.device.rpartition("/")[2], *data.parents))
    kind = "a virtual disk that calls itself rotational" if virtual else "a rotating disk"
    return f"{snapshot.server.name}: {data.device} under {wish.data_path} is {kind}; the guide asks for an SSD"


@rule("host.file-system", hint="Put the data path on a local ext4 or xfs volume.", guide=SPACE)
def file_system(snapshot: Snapshot, wish: Wish) -> str | None:
    """Data Volume: used for storing call detail records (so it is local and lasts)."""
    data = disk(snapshot, wish.data_path)
    if data.file_system.lower() not in BAD_FILE_SYSTEMS and not data.file_system.startswith("fuse."):
        return None
    where = f"{snapshot.server.name}: {wish.data_path} is on {data.file_system}"
    return f"{where}; ext4 or xfs on a local disk is needed"


@rule(
    "host.file-system-untested",
    level=Level.WARNING,
    hint="Prefer ext4 or xfs for the data path.",
    guide=SPACE,
)
def file_system_untested(snapshot: Snapshot, wish: Wish) -> str | None:
    """Data Volume: used for storing call detail records (ext4 and xfs are what ClickHouse is tested on)."""
    seen = disk(snapshot, wish.data_path).file_system.lower()
    if seen in BAD_FILE_SYSTEMS.union(GOOD_FILE_SYSTEMS) or seen.startswith("fuse."):
        return None
    return f"{snapshot.server.name}: {wish.data_path} is on {seen}, which nobody tried here"


@rule("host.data-device", hint="Mount the expected volume at the data path, or correct the block.", guide=SPACE)
def data_device(snapshot: Snapshot, wish: Wish) -> str | None:
    """Data Volume: the file system under the data path lies on the device that the administrator expects."""
    if not wish.data_device:
        return None
    data = disk(snapshot, wish.data_path)
    wanted = wish.data_device.removeprefix("/dev/").rpartition("/")[2]
    if wanted in (data.device.rpartition("/")[2], *data.parents):
        return None
    return f"{snapshot.server.name}: {wish.data_path} lies on {data.device}; {wish.data_device} is expected"


@rule("host.disk-for-calls", hint="Enlarge the data volume or keep call records for fewer days.", guide=SPACE)
def disk_for_calls(snapshot: Snapshot, wish: Wish) -> str | None:
    """Disk: Based on expected CDR volume and data retention policy."""
    needed = wish.calls_per_day * wish.retention_days * wish.bytes_per_call
    if not needed:
        return None
    free = disk(snapshot, wish.data_path).available
    if free >= needed:
        return None
    calls = f"{wish.calls_per_day} calls a day kept for {wish.retention_days} days"
    return f"{snapshot.server.name}: {gib(free)} free under {wish.data_path}; {calls} need about {gib(needed)}"


@rule(
    "host.docker-room",
    hint="Free space there (docker image prune keeps what runs), or enlarge it.",
    guide="Step 5",
)
def docker_room(snapshot: Snapshot, wish: Wish) -> str | None:
    """The deployment pulls the Docker images (room is needed where Docker unpacks them)."""
    root = snapshot.docker.root or "/var/lib/docker"
    places = [disk(snapshot, root)]
    places += [d for d in snapshot.server.disks or () if d.path == CONTAINERD_ROOT]
    tight = min(places, key=lambda d: d.available)
    if tight.available >= wish.image_bytes:
        return None
    seen = f"{gib(tight.available)} free under {tight.path}"
    return f"{snapshot.server.name}: {seen}; the images need {gib(wish.image_bytes)}"


RULES = (
    system_disk,
    data_disk,
    disk_ssd,
    file_system,
    file_system_untested,
    data_device,
    disk_for_calls,
    docker_room,
)
