"""A copy of the data of a ClickHouse, made where it is, for another one to open (clickhouse.md 5).

    room DATA_PATH MEMINFO LOADAVG   what a copy would cost, and what the server has to spare
    make DATA_PATH ID UID            make it, of what FREEZE left under ID's name; its folders and copies belong to UID
    make_at_rest DATA_PATH ID UID    the same of the parts themselves: ClickHouse is stopped, and cannot start meanwhile
    compare DATA_PATH ID             whether a file that copy and server share was written to
    remove DATA_PATH [ID...]         remove the copy and what FREEZE left, of these; without an ID of all

A copy lies in DATA_PATH/.dataflow-rehearsal/ID. Files of parts are linked: they belong to another
user than UID and nobody but their owner may write to them, so the kernel keeps UID's engine from it. One JSON line
answers; a refusal is {"refused": why}, exit code 3. `linked_copy.py` and `restore_point.py` lie beside this program.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

try:
    from flows.remote.linked_copy import Copy, content, kept, parts_in, plain
    from flows.remote.restore_point import RUNS, Refused, entries_of, locked
except ImportError:  # on the server they lie beside
    from linked_copy import Copy, content, kept, parts_in, plain  # type: ignore[import-not-found,no-redef]
    from restore_point import RUNS, Refused, entries_of, locked  # type: ignore[import-not-found,no-redef]

COPIES, SHADOW = ".dataflow-rehearsal", "dataflow_rehearsal_"
# The new engine merges nothing there: a merge would take disk and time of the server that serves.
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


def make(data_path: Path, name: str, uid: str) -> dict[str, Any]:
    """Make the copy of what FREEZE left."""
    shadow = frozen(data_path, name)
    found = sorted((*shadow.glob("store/*/*/*"), *shadow.glob("data/*/*/*")))
    return made(data_path, name, uid, shadow, [(f"/{place.parent.relative_to(shadow)}", place.name) for place in found])


def make_at_rest(data_path: Path, name: str, uid: str) -> dict[str, Any]:
    """Make the copy of the parts themselves."""
    data = data_of(data_path)
    with locked(data / "status", RUNS):
        return made(data_path, name, uid, data, list(parts_in(data)))


def made(data_path: Path, name: str, uid: str, source: Path, found: list[tuple[str, str]]) -> dict[str, Any]:
    """Make the copy, of these parts by table and name, and a folder for logs beside it."""
    data, place = data_of(data_path), data_path / COPIES / name
    if place.exists():
        raise Refused(f"{place} is there already")
    (data_path / COPIES).mkdir(mode=0o700, exist_ok=True)
    place.mkdir(mode=0o700)
    files = (file for table, part in found for _, file in entries_of(f"{source}{table}/{part}"))
    gid = next((file.st_gid for file in files if stat.S_ISREG(file.st_mode)), data.stat().st_gid)
    copy = Copy(place / "data", int(uid), gid)
    for inside, parts in kept(data):
        copy.folder(inside)
        copy.files(data, inside)
        if parts:
            copy.folder(f"{inside}/detached")
    for table, part in found:
        copy.part(source, f"{table}/{part}")
    Copy(place / "log", int(uid), gid).folder("")
    (place / "rehearsal.xml").write_text(DROP_IN)
    os.chown(place / "rehearsal.xml", int(uid), gid)
    (place / "shared.json").write_text(json.dumps(copy.shared))
    names: dict[str, list[str]] = {}
    for table, part in found:
        names.setdefault(table, []).append(part)
    return {**copy.told, "gid": gid, "parts": names}


def compare(data_path: Path, name: str) -> dict[str, Any]:
    """Look at every shared file again, by its other link, which no engine of a copy can take away."""
    place, differing = data_path / COPIES / name, []
    shadow = frozen(data_path, name)
    source = shadow if shadow.is_dir() else data_of(data_path)
    shared = json.loads((place / "shared.json").read_text())
    for inside, inode, size, time, digest in shared:
        try:
            found = os.stat(f"{source}{inside}")  # noqa: PTH116
        except FileNotFoundError:
            raise Refused(f"{source}{inside} is gone: somebody started ClickHouse or removed it meanwhile") from None
        same = (found.st_ino, found.st_size, found.st_mtime_ns) == (inode, size, time)
        if not same or (digest and content(f"{source}{inside}", size)[0] != digest):
            differing.append(inside)
    used = sum(file.stat().st_size for file in place.rglob("*") if file.is_file() and file.stat().st_nlink == 1)
    digested = sum(bool(each[4]) for each in shared)
    return {"files": len(shared), "digested": digested, "differing": differing, "used": used}


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
VERBS = {"room": room, "make": make, "make_at_rest": make_at_rest, "compare": compare, "remove": remove}

if __name__ == "__main__":
    os.umask(0o077)
    try:
        print(json.dumps(VERBS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
    except (Refused, OSError) as refused:
        print(json.dumps({"refused": str(refused)}))
        sys.exit(3)
