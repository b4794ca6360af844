"""The program that makes and puts back restore points, as a real process on real folders."""

from __future__ import annotations

import ast
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.restore_support import POINT, PROGRAM, ROWS, asked, data_path_in, everything, kept, table


@pytest.fixture
def portsip(tmp_path: Path) -> Path:
    """A data path with small folders that look like ClickHouse's."""
    return data_path_in(tmp_path)


def test_parts_are_linked_and_everything_else_is_copied(portsip: Path) -> None:
    """What an engine never changes shares its disk space; what one writes again or appends to does not."""
    before = everything(portsip)
    made = asked("make", portsip, POINT, about={"change": "c1"})
    assert (made["id"], made["change"], made["files"]) == (POINT, "c1", 18)
    assert made["server_uuid"] == "9d0d7ba8-1f9d-4a32-a2b2-1c5b4a3c2d1e"
    copied = {p.name for p in kept(portsip).rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_nlink == 1}
    assert copied == {"metadata_version.txt", "x.bin", "sizes.json", "uuid"}
    assert everything(portsip) == before
    assert everything(kept(portsip)) == everything(portsip / "clickhouse" / "data")
    assert everything(kept(portsip).with_name("1")) == everything(portsip / "dataflow")
    assert kept(portsip).parent.parent.stat().st_mode & 0o777 == 0o700


def test_a_second_make_of_the_same_point_changes_nothing(portsip: Path) -> None:
    """As when the link broke before the answer came."""
    first = asked("make", portsip, POINT, about={"change": "c1"})
    (portsip / "clickhouse" / "data" / "uuid").write_text("another")
    assert asked("make", portsip, POINT, about={"change": "c1"}) == first
    assert asked("list", portsip) == {"points": [first], "left": []}


def test_what_is_written_in_place_later_does_not_change_the_point(portsip: Path) -> None:
    """A Log table appends to its files, and some files of a part are written again under the same inode."""
    asked("make", portsip, POINT)
    before = everything(kept(portsip))
    with next((portsip / "clickhouse").rglob("x.bin")).open("a") as file:
        file.write("two\n")
    for place in table(portsip).glob("*/metadata_version.txt"):
        place.write_text("7")
    shutil.rmtree(table(portsip) / "all_1_1_0")
    assert everything(kept(portsip)) == before


def test_putting_back_renames_what_is_there_and_keeps_the_point(portsip: Path) -> None:
    """Nothing is deleted: the failed data has a name that says when, and the point can be put back again."""
    data, own = portsip / "clickhouse" / "data", portsip / "dataflow"
    before = everything(data), everything(own)
    asked("make", portsip, POINT)
    shutil.rmtree(table(portsip))
    (own / "system.ini").unlink()
    failed = everything(data)
    renamed = asked("put_back", portsip, POINT)["renamed"]
    assert set(renamed) == {str(data), str(own)}
    assert renamed[str(data)].startswith(f"{data}.failed-2")
    assert everything(Path(renamed[str(data)])) == failed
    assert (everything(data), everything(own)) == before
    assert asked("opened", portsip, POINT) == {"opened": False}
    assert asked("put_back", portsip, POINT) == {"renamed": {}}
    assert [p["id"] for p in asked("list", portsip)["points"]] == [POINT]


@pytest.mark.parametrize("change", ["a new file", "a changed file", "a file gone", "an older file"])
def test_anything_written_below_the_data_counts_as_opened(portsip: Path, change: str) -> None:
    """Whatever the clock says: what is compared is the data itself."""
    asked("make", portsip, POINT)
    assert asked("opened", portsip, POINT) == {"opened": False}
    place = table(portsip) / "all_1_1_0"
    if change == "a new file":
        (place.parent / "all_3_3_0").mkdir()
    elif change == "a changed file":
        (portsip / "clickhouse" / "data" / "uuid").write_text("x")
    elif change == "a file gone":
        (place / "data.bin").unlink()
    else:
        os.utime(portsip / "clickhouse" / "data" / "uuid", (1, 1))
    assert asked("opened", portsip, POINT) == {"opened": True}


def test_the_services_own_folder_does_not_count_as_opened(portsip: Path) -> None:
    """The vendor's script changes its owners on every run."""
    asked("make", portsip, POINT)
    (portsip / "dataflow" / "new").write_text("")
    assert asked("opened", portsip, POINT) == {"opened": False}


@pytest.mark.parametrize("verb", ["make", "put_back", "remove"])
def test_nothing_is_done_while_clickhouse_runs(portsip: Path, verb: str) -> None:
    """It holds the lock of its file `status`, whatever container or version it is."""
    asked("make", portsip, POINT)
    status = portsip / "clickhouse" / "data" / "status"
    status.write_text("PID: 1")
    before = everything(portsip)
    with status.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = asked(verb, portsip, POINT if verb != "make" else "another")
    assert "ClickHouse still runs" in refused["refused"]
    assert everything(portsip) == before


def test_another_file_system_is_refused(portsip: Path) -> None:
    """Nothing can be linked across: neither a folder inside the data nor another disk of ClickHouse."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        refused = asked("make", portsip, POINT, other)
        assert "another file system" in refused["refused"]
    assert asked("list", portsip) == {"points": [], "left": []}


def test_further_disks_are_kept_and_put_back(portsip: Path) -> None:
    """ClickHouse may have more than one folder; each is renamed and put back by its own name."""
    disk = portsip / "second"
    shutil.copytree(portsip / "clickhouse" / "data", disk, symlinks=True)
    asked("make", portsip, POINT, disk)
    shutil.rmtree(disk / "store")
    renamed = asked("put_back", portsip, POINT)["renamed"]
    assert set(renamed) == {str(disk)}
    assert len(list(disk.rglob("count.txt"))) == 2


def test_a_full_disk_is_refused_before_anything_is_made(portsip: Path, tmp_path: Path) -> None:
    """What is copied needs room, and every file and folder an inode; what is linked needs neither."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.read_text().replace("64 << 20, 1000", "1 << 60, 1 << 40"))
    told = asked("check", portsip, program=program)
    assert len(told["trouble"]) == 2
    assert "bytes are free" in asked("make", portsip, POINT, program=program)["refused"]
    assert asked("list", portsip) == {"points": [], "left": []}
    assert asked("check", portsip)["trouble"] == []


def test_removing_deletes_this_point_only(portsip: Path) -> None:
    """The data and the other points stay; a second removal is refused."""
    asked("make", portsip, POINT)
    asked("make", portsip, "other")
    before = everything(portsip)
    assert asked("remove", portsip, POINT)["id"] == POINT
    assert [p["id"] for p in asked("list", portsip)["points"]] == ["other"]
    assert everything(portsip) == before
    assert "no restore point" in asked("remove", portsip, POINT)["refused"]


def test_two_runs_do_not_work_at_once(portsip: Path) -> None:
    """The second one is refused, whatever it wants to do."""
    asked("make", portsip, POINT)
    with (portsip / ".dataflow-restore" / "lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another run" in asked("put_back", portsip, POINT)["refused"]


def test_the_programs_are_written_in_the_words_of_python_3_8() -> None:
    """The server has the Python of its system, which may be older than ours."""
    for program in (PROGRAM, ROWS):
        ast.parse(program.read_text(), feature_version=(3, 8))
