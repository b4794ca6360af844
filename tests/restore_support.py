"""A server's data path for the restore point program alone, and what the program is asked there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import flows.remote

PROGRAM = Path(flows.remote.__file__).with_name("restore_point.py")
ROWS = PROGRAM.with_name("rows_on_disk.py")
POINT = "20261122T210000Z-1f0c7a2b"
PYTHON = [sys.executable, "-S", "-E"]
PART = ("columns.txt", "count.txt", "checksums.txt", "data.bin", "data.cmrk4", "primary.cidx", "metadata_version.txt")


def data_path_in(folder: Path) -> Path:
    """A data path with one table of two parts, a Log table, metadata, and the service's own folder."""
    top = folder / "portsip"
    table = top / "clickhouse" / "data" / "store" / "6db" / "6dbc90be-756a-42b2-9ea0-72f05658a101"
    for part, rows in {"all_1_1_0": 3, "all_2_2_0": 4}.items():
        (table / part).mkdir(parents=True)
        for name in PART:
            (table / part / name).write_text(str(rows) if name == "count.txt" else f"{part} {name}")
    log = top / "clickhouse" / "data" / "store" / "a0d" / "a0df5777-ded7-4a5b-a6bf-1896d6d5fa60"
    log.mkdir(parents=True)
    (log / "x.bin").write_text("one\n")
    (log / "sizes.json").write_text("{}")
    (top / "clickhouse" / "data" / "metadata").mkdir()
    (top / "clickhouse" / "data" / "metadata" / "default").symlink_to("../store/8f3")
    (top / "clickhouse" / "data" / "uuid").write_text("9d0d7ba8-1f9d-4a32-a2b2-1c5b4a3c2d1e")
    (top / "dataflow").mkdir()
    ini = top / "dataflow" / "system.ini"
    ini.write_text("[dataflow]\npassword = secret\n")
    ini.chmod(0o600)
    os.utime(ini, (1_700_000_000, 1_700_000_000))
    return top


def asked(*words: object, program: Path = PROGRAM, about: dict[str, Any] | None = None) -> dict[str, Any]:
    """The program's answer to one call, which is done or refused; anything else fails the test."""
    done = run(*words, program=program, about=about)
    assert done.returncode == (3 if '"refused"' in done.stdout else 0), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def run(
    *words: object, program: Path = PROGRAM, about: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """The program's process, when it has ended."""
    argv = [*PYTHON, str(program), *map(str, words)]
    return subprocess.run(argv, input=json.dumps(about or {}), capture_output=True, text=True, timeout=60, check=False)


def everything(top: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Mode, owner, time and content of all that is below a folder, our own folder of points left out."""
    found = {}
    for place in sorted(top.rglob("*")):
        if ".dataflow-restore" not in place.relative_to(top).parts:
            told = place.lstat()
            content = os.fsencode(place.readlink()) if place.is_symlink() else b""
            content = place.read_bytes() if place.is_file() and not place.is_symlink() else content
            found[str(place.relative_to(top))] = (told.st_mode, told.st_uid, told.st_mtime_ns, content)
    return found


def table(portsip: Path) -> Path:
    """The folder of the one MergeTree table in it."""
    return next((portsip / "clickhouse" / "data" / "store" / "6db").iterdir())


def kept(portsip: Path) -> Path:
    """The data as the point holds it."""
    return portsip / ".dataflow-restore" / POINT / "0"
