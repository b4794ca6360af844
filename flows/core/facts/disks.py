"""Disk facts: the file system that holds or will hold a folder, and the block devices below it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from flows.core.facts.question import Answers, Question, read
from flows.core.snapshot import Disk

LSBLK = Question("lsblk", "lsblk -J -b -o NAME,KNAME,PKNAME,TYPE,SIZE,ROTA,FSTYPE,MOUNTPOINT")
# Docker unpacks below its root, or below containerd's where that keeps the images (default since Docker 29).
CONTAINERD_ROOT = "/var/lib/containerd"


def folders_of(data_path: str, docker_root: str | None = None) -> tuple[str, ...]:
    """The folders to ask about: the system, the data, and where images are unpacked."""
    return "/", data_path, docker_root or "/var/lib/docker", CONTAINERD_ROOT


def disk_questions(folders: Sequence[str]) -> tuple[Question, ...]:
    """One question for each folder, asked of its nearest parent that exists, and the block devices once."""
    asked = []
    for number, folder in enumerate(folders):
        search = f'p={shlex.quote(folder)}; while [ ! -e "$p" ]; do p=${{p%/*}}; p=${{p:-/}}; done; '
        command = search + 'df -B1 --output=source,fstype,size,avail,iavail,target -- "$p"'
        asked.append(Question(f"disk-{number}", command))
    return (*asked, LSBLK)


Device = dict[str, Any]


def _walk(devices: Sequence[Device], parent: str | None) -> Iterator[tuple[Device, str | None]]:
    for device in devices:
        yield device, device.get("pkname") or parent
        yield from _walk(device.get("children") or [], device.get("kname") or device["name"])


class BlockDevices:
    """The block devices of a host with all their parents; a RAID or LVM volume has several."""

    def __init__(self, text: str) -> None:
        """Read the JSON of lsblk, as a tree or flat."""
        self.devices: dict[str, Device] = {}
        self.parents: dict[str, list[str]] = {}
        for device, parent in _walk(json.loads(text)["blockdevices"], None):
            kernel_name = device.get("kname") or device["name"]
            self.devices[kernel_name] = device
            known = self.parents.setdefault(kernel_name, [])
            if parent and parent not in known:
                known.append(parent)

    def find(self, source: str, mount: str) -> str | None:
        """The kernel name of what df calls its source, else of what is mounted there (`/dev/root`)."""
        name = source.rpartition("/")[2] if source.startswith("/dev/") else ""
        for kernel_name, device in self.devices.items():
            if name and name in (kernel_name, device["name"].rpartition("/")[2]):
                return kernel_name
        mounted = (
            k for k, device in self.devices.items() if source.startswith("/dev/") and device.get("mountpoint") == mount
        )
        return next(mounted, None)

    def below(self, kernel_name: str) -> tuple[str, ...]:
        """The device itself and everything it lies on, nearest first."""
        found = [kernel_name]
        for name in found:
            found += [parent for parent in self.parents.get(name, []) if parent not in found]
        return tuple(found)

    def rotational(self, kernel_name: str) -> bool | None:
        """Whether any disk at the bottom turns; None when the bottom is not known."""
        bottoms = [self.devices.get(name) for name in self.below(kernel_name) if not self.parents.get(name)]
        words = [str(device.get("rota")).lower() if device else "" for device in bottoms]
        if any(word in ("true", "1") for word in words):
            return True
        return False if words and all(word in ("false", "0") for word in words) else None


def parse_df(text: str) -> tuple[str, str, int, int, int, str]:
    """Source, type, size, free bytes, free inodes (0: counted by none) and mount point of the last line."""
    source, kind, size, available, inodes, target = text.strip().splitlines()[-1].split(None, 5)
    return source, kind, int(size), int(available), int(inodes) if inodes.isdigit() else 0, target


def parse_disk(path: str, text: str, devices: BlockDevices | None) -> Disk:
    """The file system of one folder, joined with the block devices below it."""
    source, kind, size, available, inodes, target = parse_df(text)
    name = devices.find(source, target) if devices else None
    chain = devices.below(name) if devices and name else ()
    turns = devices.rotational(name) if devices and name else None
    return Disk(path, target, source, kind, size, available, inodes, turns, chain)


def disks(answers: Answers, folders: Sequence[str]) -> tuple[Disk, ...] | None:
    """The disks of the folders that could be read, in the order asked; None when none could."""
    devices = read(answers, LSBLK.name, BlockDevices)
    found = (
        read(answers, f"disk-{number}", lambda text, path=path: parse_disk(path, text, devices))  # type: ignore[misc]
        for number, path in enumerate(folders)
    )
    return tuple(disk for disk in found if disk is not None) or None
