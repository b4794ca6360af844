"""The program that makes the copy of a rehearsal, as a real process on real folders."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flows.remote
from flows.core.rehearsal import UID, frozen_name
from tests.restore_support import data_path_in, everything, table
from tests.sandbox.tree import PROGRAMS

HERE = Path(flows.remote.__file__).parent
NAME = "20261122T210000Z-1f0c7a2b"
# Files go to another user only where root is: as on a host of the sandbox they stay with ours.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROGRAMS / "one_user")}


def asked(*words: object, environment: dict[str, str] = ENVIRONMENT) -> dict[str, Any]:
    """The program's answer to one call, which is done or refused; anything else fails the test."""
    argv = [sys.executable, str(HERE / "rehearsal.py"), *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == (3 if '"refused"' in done.stdout else 0), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def portsip(tmp_path: Path) -> Path:
    """A data path whose one MergeTree table was frozen under our name."""
    top = data_path_in(tmp_path)
    parts = table(top)
    (parts / "format_version.txt").write_text("1")
    (parts / "mutation_3.txt").write_text("commands: DROP COLUMN x")
    (parts / "tmp_merge_all_1_2_1").mkdir()
    for part in sorted(parts.glob("all_*")):
        shadow = shadow_of(top) / "store" / "6db" / parts.name / part.name
        shadow.mkdir(parents=True)
        for file in part.iterdir():
            file.chmod(0o440)
            os.link(file, shadow / file.name)
    return top


def shadow_of(top: Path) -> Path:
    """What FREEZE left."""
    return top / "clickhouse" / "data" / "shadow" / frozen_name(NAME)


def copy_of(top: Path) -> Path:
    """The data as the new engine sees it."""
    return top / ".dataflow-rehearsal" / NAME / "data"


def test_frozen_parts_are_shared_and_the_rest_is_copied(portsip: Path) -> None:
    """Nothing of the running server comes with them: no lock, no links of others, no unfinished merge."""
    (portsip / "clickhouse" / "data" / "status").write_text("PID: 1")
    before = everything(portsip)
    made = asked("make", portsip, NAME, UID)
    assert made["parts"] == {f"/store/6db/{table(portsip).name}": ["all_1_1_0", "all_2_2_0"]}
    assert made["linked"] == 12
    files = {f.name: f.stat().st_nlink for f in copy_of(portsip).rglob("*") if f.is_file()}
    assert {name for name, links in files.items() if links == 1} == {
        *("format_version.txt", "mutation_3.txt", "metadata_version.txt", "x.bin", "sizes.json", "uuid"),
    }
    names = {place.name for place in copy_of(portsip).rglob("*")}
    assert not names & {"status", "shadow", "tmp_merge_all_1_2_1"}
    assert {name: told for name, told in everything(portsip).items() if name in before} == before


def test_a_link_with_a_whole_path_leads_into_the_copy(portsip: Path) -> None:
    """24.x writes such ones; the new engine must not come to the original's statements by them."""
    link = portsip / "clickhouse" / "data" / "metadata" / "default"
    link.unlink()
    link.symlink_to("/var/lib/clickhouse/store/8f3/8f3")
    asked("make", portsip, NAME, UID)
    assert os.readlink(copy_of(portsip) / "metadata" / "default") == "../store/8f3/8f3"  # noqa: PTH115
    asked("remove", portsip, NAME)
    link.unlink()
    link.symlink_to("/mnt/elsewhere")
    assert "outside of what is copied" in asked("make", portsip, NAME, UID)["refused"]


@pytest.mark.parametrize(("mode", "uid"), [(0o660, UID), (0o400, UID), (0o440, None)])
def test_a_file_that_its_reader_could_write_or_not_read_is_not_shared(
    portsip: Path, mode: int, uid: int | None
) -> None:
    """Writable by its group, for its owner alone, or owned by the very user of the new engine."""
    for file in shadow_of(portsip).rglob("data.bin"):
        file.chmod(mode)
    refused = asked("make", portsip, NAME, uid or os.getuid())["refused"]
    assert "cannot be shared" in refused
    assert "data.bin" in refused or uid is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user and becomes one")
def test_the_kernel_keeps_the_user_of_the_new_engine_from_writing(portsip: Path) -> None:
    """It may read what is shared, and neither write, nor cut, nor change its mode; what is copied is its own."""
    made = asked("make", portsip, NAME, UID, environment=dict(os.environ))
    shared, own = (next(copy_of(portsip).rglob(name)) for name in ("data.bin", "x.bin"))
    for place in (portsip, *portsip.parents):
        place.chmod(place.stat().st_mode | 0o011)
    for place in (copy_of(portsip).parent, copy_of(portsip).parent.parent):
        place.chmod(0o755)
    script = f"""import os
os.setgroups([]); os.setgid({made["gid"]}); os.setuid({UID})
open({str(shared)!r}, "rb").read(); open({str(own)!r}, "ab").write(b"x")
for act in (lambda: open({str(shared)!r}, "r+b"), lambda: os.truncate({str(shared)!r}, 0),
            lambda: os.chmod({str(shared)!r}, 0o666), lambda: os.utime({str(shared)!r})):
    try: act(); print("DONE")
    except PermissionError: print("kept")
"""
    done = subprocess.run([sys.executable, "-S", "-E", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["kept"] * 4
    assert asked("compare", portsip, NAME)["differing"] == []


def test_a_shared_file_that_was_written_is_found(portsip: Path) -> None:
    """By its time, its size, or, where somebody set the time back, its content."""
    asked("make", portsip, NAME, UID)
    assert asked("compare", portsip, NAME)["differing"] == []
    first, second = sorted(copy_of(portsip).rglob("data.bin"))
    for place in (first, second):
        place.chmod(0o640)
    first.write_text("longer than before")
    before = second.stat()
    second.write_text("".join(reversed(second.read_text())) + "!" * 0)
    os.utime(second, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = asked("compare", portsip, NAME)
    assert [place.rpartition("/")[2] for place in found["differing"]] == ["data.bin"] * 2
    assert found["files"] == 12


def test_what_the_new_engine_removes_from_its_copy_is_compared_all_the_same(portsip: Path) -> None:
    """It may set parts aside or merge them away: the links of FREEZE are others."""
    asked("make", portsip, NAME, UID)
    for place in copy_of(portsip).rglob("data.bin"):
        place.unlink()
    assert asked("compare", portsip, NAME)["differing"] == []


def test_the_parts_of_a_stopped_server_are_shared_themselves(portsip: Path) -> None:
    """Not what it was writing; what the new engine removes is compared as well, without FREEZE."""
    shutil.rmtree(portsip / "clickhouse" / "data" / "shadow")
    (portsip / "clickhouse" / "data" / "status").write_text("PID: 1")
    before = everything(portsip)
    made = asked("make_at_rest", portsip, NAME, UID)
    assert made["parts"] == {f"/store/6db/{table(portsip).name}": ["all_1_1_0", "all_2_2_0"]}
    assert made["linked"] == 12
    assert {name: told for name, told in everything(portsip).items() if name in before} == before
    for place in copy_of(portsip).rglob("data.bin"):
        place.unlink()
    assert asked("compare", portsip, NAME)["differing"] == []
    shutil.rmtree(table(portsip) / "all_1_1_0")
    assert "somebody started ClickHouse" in asked("compare", portsip, NAME)["refused"]


def test_a_server_that_runs_is_not_taken_for_a_stopped_one(portsip: Path) -> None:
    """It holds the lock of its status file."""
    status = portsip / "clickhouse" / "data" / "status"
    status.write_text("PID: 1")
    with status.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "still runs" in asked("make_at_rest", portsip, NAME, UID)["refused"]
    assert not copy_of(portsip).exists()


def test_removing_takes_what_is_ours_by_name_and_nothing_else(portsip: Path) -> None:
    """Another copy, somebody's own FREEZE and the data stay; a second removal finds nothing."""
    own = portsip / "clickhouse" / "data" / "shadow" / "nightly"
    own.mkdir()
    (portsip / ".dataflow-rehearsal" / "other").mkdir(parents=True)
    asked("make", portsip, NAME, UID)
    gone = asked("remove", portsip, NAME)["removed"]
    assert gone == [str(copy_of(portsip).parent), str(shadow_of(portsip))]
    assert own.is_dir()
    assert (portsip / ".dataflow-rehearsal" / "other").is_dir()
    assert len(list(table(portsip).glob("*/data.bin"))) == 2
    assert asked("remove", portsip)["removed"] == [str(portsip / ".dataflow-rehearsal" / "other")]
    assert not (portsip / ".dataflow-rehearsal").exists()
    assert asked("remove", portsip)["removed"] == []


def test_the_room_is_counted_without_reading_a_file(portsip: Path, tmp_path: Path) -> None:
    """What would be linked, what copied, and what the server has to spare."""
    memory, load = tmp_path / "meminfo", tmp_path / "loadavg"
    memory.write_text("MemTotal: 100 kB\nMemAvailable: 50 kB\n")
    load.write_text("1.25 0.5 0.1 1/2 3\n")
    told = asked("room", portsip, memory, load)
    assert (told["parts"], told["memory"], told["load"]) == (3, 51_200, 1.25)
    assert told["part_bytes"] > 0
    assert told["free"] > 0


def test_the_programs_are_written_in_the_words_of_python_3_8() -> None:
    """The server has the Python of its system, which may be older than ours."""
    for name in ("rehearsal.py", "linked_copy.py"):
        ast.parse((HERE / name).read_text(), feature_version=(3, 8))
