"""Restore points of a stopped ClickHouse, on the server that holds its data (design.md 11, clickhouse.md 5).

    check DATA_PATH [DISK...]     what a point would cost, and what stands against it
    make DATA_PATH ID [DISK...]   make it; what to write down about it comes as JSON on standard input
    list DATA_PATH                every point, and what a crash left behind
    opened DATA_PATH ID           whether any engine opened the data since
    put_back DATA_PATH ID         put it back; what is there now is renamed, and the point stays
    remove DATA_PATH ID           delete this point, and nothing else

A point lies in DATA_PATH/.dataflow-restore/ID: files of parts, which no engine changes, are linked, the rest is copied.
DISK: further ClickHouse disks. One JSON line answers; a refusal is {"refused": why}, exit code 3. All can be run again.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

POINTS, MARKER, ROOM, INODES = ".dataflow-restore", "point.json", 64 << 20, 1000  # bytes, inodes that must be left
RUNS = "ClickHouse still runs on the data folder"
# Of a part only these are linked: written once. Others (txn_version.txt is rewritten) and what is unknown are copied.
IMMUTABLE = re.compile(
    r".+\.(bin|c?mrk[234]?|c?idx2?|dat|vidx|stats|gin_\w+)|serialization\.json"
    r"|(checksums|columns|columns_substreams|count|default_compression_codec|ttl|uuid)\.txt"
)


class Refused(Exception):
    """What was asked for is not done, and nothing was changed by it."""


def entries_of(folder: str) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    """What lies in a folder, by name; what a server that runs took away meanwhile is left out."""
    with suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            with suppress(FileNotFoundError):
                yield entry, entry.stat(follow_symlinks=False)


def tree(top: Path, link: bool, inside: str = "") -> Iterator[tuple[str, os.stat_result, bool]]:
    """Everything below a folder, folders first: `/` and its path from there, what it is, whether it may be linked."""
    entries, device = list(entries_of(f"{top}{inside}")), top.stat().st_dev
    # Of a MergeTree table, not of another engine, and not a user's own folder.
    part = link and ("/store/" in inside or "/data/" in inside) and not inside.startswith("/user_files")
    part = part and {"columns.txt", "count.txt"}.issubset(entry.name for entry, _ in entries)
    for entry, found in entries:
        name = f"{inside}/{entry.name}"
        if found.st_dev != device:
            raise Refused(f"{top}{name} is on another file system than {top}")
        yield name, found, bool(part and stat.S_ISREG(found.st_mode) and IMMUTABLE.fullmatch(entry.name))
        if stat.S_ISDIR(found.st_mode):
            yield from tree(top, link, name)


def copy(top: Path, target: Path, link: bool) -> None:
    """Make `target` the same as `top`, owners, modes and times too; says every two seconds how far it came."""
    target.mkdir(mode=0o700)
    folders, said = [("", top.stat())], time.monotonic()
    for number, (inside, found, linked) in enumerate(tree(top, link)):
        if linked:
            os.link(f"{top}{inside}", f"{target}{inside}", follow_symlinks=False)
        elif stat.S_ISDIR(found.st_mode):
            Path(f"{target}{inside}").mkdir()
            folders.append((inside, found))
        elif stat.S_ISLNK(found.st_mode) or stat.S_ISREG(found.st_mode):
            shutil.copyfile(f"{top}{inside}", f"{target}{inside}", follow_symlinks=False)
            like(f"{top}{inside}", f"{target}{inside}", found)
        if time.monotonic() - said > 2:
            said = time.monotonic()
            with suppress(OSError):  # nobody needs to listen
                print(f"{top}: {number} files and folders", file=sys.stderr, flush=True)
    for inside, found in reversed(folders):  # last: whatever is made in a folder changes its time
        like(f"{top}{inside}", f"{target}{inside}", found)


def like(old: str, new: str, found: os.stat_result) -> None:
    """Give a copy the owner, mode, times and extended attributes of what it was copied from."""
    os.chown(new, found.st_uid, found.st_gid, follow_symlinks=False)
    shutil.copystat(old, new, follow_symlinks=False)


def seen(top: Path) -> dict[str, tuple[int, int, int]]:
    """Kind and mode, time and size of everything below a folder: what any writing changes."""
    return {inside: (found.st_mode, found.st_mtime_ns, found.st_size) for inside, found, _ in tree(top, False)}


def same(folder: Path, kept: Path) -> bool:
    """Whether nothing was written below the folder since it was kept."""
    return folder.is_dir() and folder.stat().st_mtime_ns == kept.stat().st_mtime_ns and seen(folder) == seen(kept)


def holding(data_path: Path, disks: Sequence[str]) -> list[dict[str, Any]]:
    """What a point holds: each folder, its name in there, and whether its parts are linked."""
    linked, found = [str(data_path / "clickhouse" / "data"), *disks], []
    for number, folder in enumerate(map(Path, [*linked, str(data_path / "dataflow")])):
        if not folder.is_dir() or folder.is_symlink():
            raise Refused(f"{folder} is not a folder")
        if folder.stat().st_dev != data_path.stat().st_dev:
            raise Refused(f"{folder} is on another file system than {data_path}: nothing there can be linked to")
        found.append({"folder": str(folder), "name": str(number), "link": str(folder) in linked})
    return found


def check(data_path: Path, *disks: str) -> dict[str, Any]:
    """Count what would be linked and copied, and compare with what is free; `trouble` says what stands against it."""
    told: dict[str, Any] = {"files": 0, "bytes": 0, "copied_bytes": 0, "copied": 0, "holds": holding(data_path, disks)}
    for each in told["holds"]:
        for _, found, linked in tree(Path(each["folder"]), each["link"]):
            told["files"] += stat.S_ISREG(found.st_mode)
            told["bytes"] += found.st_size if stat.S_ISREG(found.st_mode) else 0
            told["copied_bytes"] += 0 if linked else found.st_size + 4096
            told["copied"] += not linked
    free = os.statvfs(data_path)
    needs = [("bytes", free.f_bavail * free.f_frsize, told["copied_bytes"] + ROOM)]
    if free.f_files:  # some file systems count none
        needs.append(("inodes", free.f_favail, told["copied"] + INODES))
    short = [f"{has} {what} are free, {need} are needed" for what, has, need in needs if has < need]
    return {**told, "trouble": [f"{data_path}: {each}" for each in short]}


@contextmanager
def locked(place: Path, busy: str) -> Iterator[None]:
    """Hold the lock of a file, where there is one; refuse with what `busy` says when somebody else holds it."""
    with place.open() if place.exists() else nullcontext() as file:
        try:
            if file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(busy) from None
        yield


@contextmanager
def alone(data_path: Path) -> Iterator[None]:
    """Nobody else works on the points, and no server can be started on the data while this works."""
    (data_path / POINTS).mkdir(mode=0o700, exist_ok=True)
    (ours := data_path / POINTS / "lock").touch(0o600)
    theirs = data_path / "clickhouse" / "data" / "status"  # a server that runs has it, and holds its lock
    with locked(ours, "another run works on the restore points"), locked(theirs, RUNS):
        for left in (data_path / POINTS).glob("*.gone"):  # of a removal that was cut short
            shutil.rmtree(left)
        yield


def read(place: Path) -> dict[str, Any]:
    """What a point's marker says of it."""
    if not (place / MARKER).is_file():
        raise Refused(f"there is no restore point {place.name} in {place.parent}")
    return dict(json.loads((place / MARKER).read_text()))


def fresh(folder: Path) -> Path:
    """An empty folder of ours, whatever a crash left under its name."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def make(data_path: Path, name: str, *disks: str) -> dict[str, Any]:
    """Make a point under another name and give it its own at the end, so it is whole or not there."""
    about, place = json.load(sys.stdin), data_path / POINTS / name
    with alone(data_path):
        if (place / MARKER).exists():
            return read(place)
        if (told := check(data_path, *disks))["trouble"]:
            raise Refused("; ".join(told["trouble"]))
        new = fresh(data_path / POINTS / f"{name}.new")
        for each in told["holds"]:
            copy(Path(each["folder"]), new / each["name"], each["link"])
        uuid = data_path / "clickhouse" / "data" / "uuid"
        about.update(told, id=name, made=time.time(), server_uuid=uuid.read_text().strip() if uuid.exists() else "")
        (new / MARKER).write_text(json.dumps(about) + "\n")
        new.rename(fresh(place))
    if os.fork() == 0:  # a power cut must not take it; the service, which is down meanwhile, does not wait for that
        os.closerange(0, 3)
        os.sync()
        os._exit(0)
    return read(place)


def put_back(data_path: Path, name: str) -> dict[str, Any]:
    """Copy the point again beside the data, then exchange folder by folder; one that is as it was is left alone."""
    place, back = data_path / POINTS / name, data_path / POINTS / f"{name}.back"
    with alone(data_path):
        holds, stamp = read(place)["holds"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        if not (back / "ready").exists():
            fresh(back)
            other = [each for each in holds if not same(Path(each["folder"]), place / each["name"])]
            for each in other:
                copy(place / each["name"], back / each["name"], each["link"])
            names = {each["folder"]: f"{each['folder']}.failed-{stamp}" for each in other}
            (back / "new").write_text(json.dumps(names))
            os.sync()
            (back / "new").rename(back / "ready")
        renamed: dict[str, str] = json.loads((back / "ready").read_text())
        for folder, copied in ((Path(each["folder"]), back / each["name"]) for each in holds):
            if copied.exists() and folder.exists():
                failed = Path(renamed[str(folder)])
                folder.rename(f"{failed}-{time.time_ns()}" if failed.exists() else failed)
            if copied.exists():
                copied.rename(folder)
        shutil.rmtree(back)
    return {"renamed": renamed}


def listed(data_path: Path) -> dict[str, Any]:
    """Every point that is whole, and the names of what is not."""
    there = sorted(place for place in (data_path / POINTS).glob("*") if place.is_dir())
    whole = [place for place in there if (place / MARKER).exists() and not place.suffix]
    return {"points": [read(place) for place in whole], "left": [p.name for p in there if p not in whole]}


def opened(data_path: Path, name: str) -> dict[str, Any]:
    """Compare the data with the point; the service's own folder does not count."""
    place = data_path / POINTS / name
    return {"opened": not all(same(Path(h["folder"]), place / h["name"]) for h in read(place)["holds"] if h["link"])}


def remove(data_path: Path, name: str) -> dict[str, Any]:
    """Delete the point, under another name, so that half a point is none."""
    place = data_path / POINTS / name
    with alone(data_path):
        said = read(place)
        if place.with_suffix(".back").exists():
            raise Refused(f"{name} is half put back: put it back first")
        shutil.rmtree(place.rename(fresh(place.with_suffix(".gone"))))
    return said


VERBS: dict[str, Callable[..., dict[str, Any]]]
VERBS = {"check": check, "make": make, "put_back": put_back, "list": listed, "opened": opened, "remove": remove}

if __name__ == "__main__":
    os.umask(0o077)
    try:
        print(json.dumps(VERBS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
    except (Refused, OSError) as refused:
        print(json.dumps({"refused": str(refused)}))
        sys.exit(3)
