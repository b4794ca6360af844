"""Makes one folder as another one is, by links where that is safe and by copies elsewhere; part of `rehearsal.py`.

What is shared is only ever read by who uses the copy: files of parts, which no engine writes to again, that belong to
another user and that nobody but their owner may write to.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

try:
    from flows.remote.restore_point import IMMUTABLE, Refused, entries_of
except ImportError:  # on the server it lies beside
    from restore_point import IMMUTABLE, Refused, entries_of  # type: ignore[import-not-found,no-redef]

# Of the running server alone, or what its own programs put aside; the new engine makes what it needs of them.
LEFT_OUT = {"status", "shadow", "tmp", "cores", "preprocessed_configs", "metadata_dropped", "backups", "coordination"}
PART = re.compile(r"(?!tmp_|delete_tmp_).+(_\d+){3,4}")
WHOLE, SAMPLE, MOST_READ = 1 << 20, 64 << 10, 64 << 20  # bytes: files read as a whole, else both ends; in all


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


def parts_in(data: Path) -> Iterator[tuple[str, str]]:
    """The folder of every MergeTree table, and the name of each of its parts; not what was being written."""
    for inside, parts in kept(data):
        for entry, found in entries_of(f"{data}{inside}") if parts else ():
            if stat.S_ISDIR(found.st_mode) and PART.fullmatch(entry.name):
                yield inside, entry.name


def plain(folder: str, top: bool) -> dict[str, os.stat_result]:
    """The files and links of one folder that are copied, by name."""
    found = ((entry.name, found) for entry, found in entries_of(folder) if not (top and entry.name in LEFT_OUT))
    return {name: each for name, each in found if stat.S_ISREG(each.st_mode) or stat.S_ISLNK(each.st_mode)}


def written(files: dict[str, os.stat_result]) -> dict[str, tuple[int, int]]:
    """Size and time of each: what any writing changes."""
    return {name: (found.st_size, found.st_mtime_ns) for name, found in files.items()}


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
            if written(before) == written(plain(f"{data}{inside}", not inside)):
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
