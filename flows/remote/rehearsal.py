"""A copy of the data of a ClickHouse that serves, made where it is, for another one to open (clickhouse.md 5).

    room DATA_PATH MEMINFO LOADAVG   what a copy would cost, and what the server has to spare
    make DATA_PATH ID UID            make it, of what FREEZE left under ID's name; its folders and copies belong to UID
    compare DATA_PATH ID             whether a file that copy and server share was written to
    remove DATA_PATH [ID...]         remove the copy and what FREEZE left, of these; without an ID of all

A copy lies in DATA_PATH/.dataflow-rehearsal/ID. What FREEZE linked is linked once more: these files belong to another
user than UID and nobody but their owner may write to them, so the kernel keeps UID's engine from it. One JSON line
answers; a refusal is {"refused": why}, exit code 3. `restore_point.py` lies beside this program.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from restore_point import IMMUTABLE, Refused, entries_of  # type: ignore[import-not-found]
else:
    from flows.remote.restore_point import IMMUTABLE, Refused, entries_of

COPIES, SHADOW = ".dataflow-rehearsal", "dataflow_rehearsal_"
# Of the running server alone, or what its own programs put aside; the new engine makes what it needs of them.
LEFT_OUT = {"status", "shadow", "tmp", "cores", "preprocessed_configs", "metadata_dropped", "backups", "coordination"}
WHOLE, SAMPLE, MOST_READ = 1 << 20, 64 << 10, 64 << 20  # bytes: files read as a whole, else both ends; in all
DROP_IN = """<clickhouse><merge_tree>
<max_bytes_to_merge_at_max_space_in_pool>1</max_bytes_to_merge_at_max_space_in_pool>
<max_bytes_to_merge_at_min_space_in_pool>1</max_bytes_to_merge_at_min_space_in_pool>
<max_number_of_merges_with_ttl_in_pool>0</max_number_of_merges_with_ttl_in_pool></merge_tree></clickhouse>
"""


def data_of(data_path: Path) -> Path:
    """The folder of ClickHouse's data."""
    folder = data_path / "clickhouse" / "data"
    if not folder.is_dir() or folder.is_symlink() or folder.stat().st_dev != data_path.stat().st_dev:
        raise Refused(f"{folder} is not a folder on the file system of {data_path}")
    return folder


def frozen(data_path: Path, name: str) -> Path:
    """Where FREEZE leaves its links under this name."""
    return data_of(data_path) / "shadow" / (SHADOW + name.replace("-", "_"))


def kept(data: Path) -> Iterator[tuple[str, bool]]:
    """Every folder that a copy has, from the data folder's on; True: a MergeTree table, whose parts are left out."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        entries = list(entries_of(f"{data}{inside}"))
        parts = any(entry.name == "format_version.txt" for entry, _ in entries)
        yield inside, parts
        for entry, found in entries:
            wanted = entry.name == "deduplication_logs" if parts else bool(inside) or entry.name not in LEFT_OUT
            if stat.S_ISDIR(found.st_mode) and wanted:
                waiting.append(f"{inside}/{entry.name}")


def plain(folder: str, top: bool) -> dict[str, os.stat_result]:
    """The files and links of one folder that are copied, by name."""
    found = ((entry.name, found) for entry, found in entries_of(folder) if not (top and entry.name in LEFT_OUT))
    return {name: each for name, each in found if stat.S_ISREG(each.st_mode) or stat.S_ISLNK(each.st_mode)}


def room(data_path: Path, memory: str, load: str) -> dict[str, Any]:
    """Count what would be copied and how many folders there would be; and what is free and how busy the server is."""
    data, told = data_of(data_path), {"copied_bytes": 0, "folders": 0, "parts": 0, "part_bytes": 0}
    for inside, parts in kept(data):
        told["folders"] += 1
        told["copied_bytes"] += sum(found.st_size for found in plain(f"{data}{inside}", not inside).values())
        for entry, found in entries_of(f"{data}{inside}") if parts else ():
            if stat.S_ISDIR(found.st_mode) and entry.name not in ("detached", "deduplication_logs"):
                told["parts"] += 1
                told["part_bytes"] += sum(each.st_size for _, each in entries_of(entry.path))
    free, lines = os.statvfs(data_path), Path(memory).read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    found_free = {"free": free.f_bavail * free.f_frsize, "inodes": free.f_favail if free.f_files else None}
    return {**told, **found_free, "memory": available, "load": float(Path(load).read_text().split()[0])}


class Copy:
    """A copy while it is made: what is new belongs to the user of the new engine, what is shared is written down."""

    def __init__(self, top: Path, uid: int, gid: int) -> None:
        self.top, self.uid, self.gid = top, uid, gid
        self.shared: list[tuple[str, int, int, int, str]] = []  # where, inode, size, time, digest
        self.told = {"linked": 0, "linked_bytes": 0, "copied": 0, "copied_bytes": 0, "read_bytes": 0}

    def folder(self, place: str) -> None:
        """Make a folder of the new engine's user, with those above it that are missing."""
        path = self.top / place.lstrip("/")
        if not path.is_dir():
            if path != self.top:
                self.folder(os.path.dirname(place))  # noqa: PTH120 - a place in the copy, not a path
            path.mkdir(mode=0o750)
            os.chown(path, self.uid, self.gid)

    def take(self, source: str, place: str, found: os.stat_result, up: int) -> None:
        """Copy one file or link; `up` is how many folders it lies below the data folder."""
        target = f"{self.top}{place}"
        with suppress(FileNotFoundError):
            os.unlink(target)  # noqa: PTH108 - of the attempt before
        if stat.S_ISLNK(found.st_mode):
            os.symlink(inward(source, up), target)  # noqa: PTH211
        else:
            shutil.copyfile(source, target)
            self.told["copied"] += 1
            self.told["copied_bytes"] += found.st_size
        os.chown(target, self.uid, self.gid, follow_symlinks=False)

    def files(self, data: Path, inside: str) -> None:
        """Copy the plain files of a folder as they are at one moment: again, where one was written meanwhile."""
        for _ in range(5):
            before = plain(f"{data}{inside}", not inside)
            # A Log table's data last: what its other files tell of is there then.
            for name in sorted(before, key=lambda name: (name.endswith(".bin"), name)):
                with suppress(FileNotFoundError):
                    self.take(f"{data}{inside}/{name}", f"{inside}/{name}", before[name], inside.count("/"))
            after = plain(f"{data}{inside}", not inside)
            if {n: (f.st_size, f.st_mtime_ns) for n, f in before.items()} == {
                n: (f.st_size, f.st_mtime_ns) for n, f in after.items()
            }:
                return
        raise Refused(f"{data}{inside} is written to all the time: no copy of it would be whole")

    def part(self, shadow: Path, inside: str) -> None:
        """Link the files of a part that are written once, copy the others; parts may have projections inside."""
        self.folder(inside)
        for entry, found in entries_of(f"{shadow}{inside}"):
            place = f"{inside}/{entry.name}"
            if stat.S_ISDIR(found.st_mode):
                self.part(shadow, place)
            elif not IMMUTABLE.fullmatch(entry.name):
                self.take(entry.path, place, found, 0)
            else:
                self.link(entry.path, place, found)

    def link(self, source: str, place: str, found: os.stat_result) -> None:
        """Share one file, if the kernel keeps the new engine's user from writing to it and lets it be read."""
        may_read = found.st_mode & 0o004 or (found.st_mode & 0o040 and found.st_gid == self.gid)
        if found.st_uid == self.uid or found.st_mode & 0o022 or not may_read:
            mode = f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}"
            raise Refused(f"{source} ({mode}) cannot be shared with user {self.uid}:{self.gid}, who shall only read it")
        digest, read = content(source, found.st_size) if self.told["read_bytes"] < MOST_READ else ("", 0)
        os.link(source, f"{self.top}{place}", follow_symlinks=False)
        self.shared.append((place, found.st_ino, found.st_size, found.st_mtime_ns, digest))
        self.told["linked"] += 1
        self.told["linked_bytes"] += found.st_size
        self.told["read_bytes"] += read


def inward(source: str, up: int) -> str:
    """Where a link of the copy leads: 24.x writes whole paths, which would lead out of the copy."""
    target = os.readlink(source)  # noqa: PTH115 - keeps a last slash
    if not target.startswith("/"):
        return target
    _, store, rest = target.partition("/store/")
    if not store:
        raise Refused(f"{source} leads to {target}, outside of what is copied")
    return "../" * up + f"store/{rest}"


def content(place: str, size: int) -> tuple[str, int]:
    """A digest of a file, of its two ends where it is large; and how many bytes were read."""
    with open(place, "rb") as file:  # noqa: PTH123 - called for ten thousands of files
        read = file.read(WHOLE if size <= WHOLE else SAMPLE)
        if size > WHOLE:
            file.seek(-SAMPLE, os.SEEK_END)
            read += file.read(SAMPLE)
    return hashlib.blake2b(read, digest_size=16).hexdigest(), len(read)


def parts_in(shadow: Path) -> Iterator[tuple[str, str]]:
    """The folder of every table that FREEZE linked, and the name of each of its parts."""
    depth = {"store": 3, "data": 3}
    for kind, levels in depth.items():
        for place in sorted(shadow.glob("/".join([kind, *["*"] * levels]))):
            yield f"/{place.parent.relative_to(shadow)}", place.name


def make(data_path: Path, name: str, uid: str) -> dict[str, Any]:
    """Make the copy, and a folder for logs beside it."""
    data, shadow, place = data_of(data_path), frozen(data_path, name), data_path / COPIES / name
    if place.exists():
        raise Refused(f"{place} is there already")
    (data_path / COPIES).mkdir(mode=0o700, exist_ok=True)
    place.mkdir(mode=0o700)
    found = list(parts_in(shadow))
    files = (file for table, part in found for _, file in entries_of(f"{shadow}{table}/{part}"))
    gid = next((file.st_gid for file in files if stat.S_ISREG(file.st_mode)), data.stat().st_gid)
    copy = Copy(place / "data", int(uid), gid)
    for inside, parts in kept(data):
        copy.folder(inside)
        copy.files(data, inside)
        if parts:
            copy.folder(f"{inside}/detached")
    for table, part in found:
        copy.part(shadow, f"{table}/{part}")
    Copy(place / "log", int(uid), gid).folder("")
    (place / "rehearsal.xml").write_text(DROP_IN)
    os.chown(place / "rehearsal.xml", int(uid), gid)
    (place / "shared.json").write_text(json.dumps(copy.shared))
    names: dict[str, list[str]] = {}
    for table, part in found:
        names.setdefault(table, []).append(part)
    return {**copy.told, "gid": gid, "parts": names, "uuid": (data / "uuid").read_text().strip()}


def compare(data_path: Path, name: str) -> dict[str, Any]:
    """Look at every shared file again, through the links of FREEZE, which no engine of a copy can take away."""
    shadow, place, differing = frozen(data_path, name), data_path / COPIES / name, []
    shared = json.loads((place / "shared.json").read_text())
    for inside, inode, size, time, digest in shared:
        found = os.stat(f"{shadow}{inside}")  # noqa: PTH116
        same = (found.st_ino, found.st_size, found.st_mtime_ns) == (inode, size, time)
        if not same or (digest and content(f"{shadow}{inside}", size)[0] != digest):
            differing.append(inside)
    used = sum(file.stat().st_size for file in place.rglob("*") if file.is_file() and file.stat().st_nlink == 1)
    uuid = (data_of(data_path) / "uuid").read_text().strip()
    digested = sum(bool(each[4]) for each in shared)
    return {"files": len(shared), "digested": digested, "differing": differing, "used": used, "uuid": uuid}


def remove(data_path: Path, *names: str) -> dict[str, Any]:
    """Remove what these left, by their own names only; nothing else in either folder is touched."""
    shadows, copies = data_of(data_path) / "shadow", data_path / COPIES
    gone = [copies / name for name in names] or list(copies.glob("*"))
    gone += [frozen(data_path, name) for name in names] or list(shadows.glob(f"{SHADOW}*"))
    there = [place for place in gone if place.exists()]
    for place in there:
        shutil.rmtree(place)
    for folder in (copies, shadows):
        with suppress(OSError):  # somebody else's are in it, or it is not there
            folder.rmdir()
    return {"removed": [str(place) for place in there]}


VERBS: dict[str, Callable[..., dict[str, Any]]]
VERBS = {"room": room, "make": make, "compare": compare, "remove": remove}

if __name__ == "__main__":
    os.umask(0o077)
    try:
        print(json.dumps(VERBS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
    except (Refused, OSError) as refused:
        print(json.dumps({"refused": str(refused)}))
        sys.exit(3)
