"""Restore points when it matters: killed half way, and on the data of a real ClickHouse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine_support import Server, server_on
from tests.restore_support import POINT, PROGRAM, ROWS, asked, data_path_in, everything, kept, run, table

TABLES = ["calls", "log_lines", "small", "csv"]


@pytest.fixture
def portsip(tmp_path: Path) -> Path:
    """A data path with small folders that look like ClickHouse's."""
    return data_path_in(tmp_path)


def killed_after(portsip: Path, calls: int, function: str, *words: str) -> int:
    """Run the program and kill it at a given call of a function of the system; its exit code."""
    program = portsip.parent / "killed.py"
    fault = f"""
import os, signal
_real, _left = os.{function}, [{calls}]
def _dying(*words, **named):
    _left[0] -= 1
    if _left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return _real(*words, **named)
os.{function} = _dying
"""
    text = PROGRAM.read_text()
    program.write_text(text.replace("\nPOINTS, MARKER", f"\n{fault}\nPOINTS, MARKER", 1))
    return run(*words, program=program).returncode


@pytest.mark.parametrize(("function", "calls"), [("link", 0), ("link", 9), ("chown", 3), ("rename", 0)])
def test_a_crash_while_making_leaves_no_half_point(portsip: Path, function: str, calls: int) -> None:
    """It is under another name until it is whole; the next attempt clears that away and makes it."""
    before = everything(portsip)
    assert killed_after(portsip, calls, function, "make", str(portsip), POINT) == -9
    assert everything(portsip) == before
    assert asked("list", portsip)["points"] == []
    assert asked("make", portsip, POINT)["id"] == POINT
    assert asked("list", portsip)["left"] == []


@pytest.mark.parametrize(
    ("function", "calls"), [("link", 4), ("sync", 0), ("rename", 0), *(("rename", n) for n in range(1, 5))]
)
def test_a_crash_while_putting_back_is_gone_on_with(portsip: Path, function: str, calls: int) -> None:
    """Wherever it was: the second attempt ends with the data of the point, and nothing was deleted."""
    before = everything(portsip / "clickhouse" / "data")
    own = everything(portsip / "dataflow")
    asked("make", portsip, POINT)
    shutil.rmtree(table(portsip) / "all_2_2_0")
    (portsip / "dataflow" / "system.ini").write_text("other")
    failed = everything(portsip / "clickhouse" / "data")
    assert killed_after(portsip, calls, function, "put_back", str(portsip), POINT) == -9
    assert "half put back" in asked("remove", portsip, POINT)["refused"]
    asked("put_back", portsip, POINT)
    assert everything(portsip / "clickhouse" / "data") == before
    assert everything(portsip / "dataflow") == own
    renamed = list((portsip / "clickhouse").glob("data.failed-*"))
    assert [everything(place) for place in renamed] == [failed]
    assert asked("list", portsip)["left"] == []


def test_a_folder_that_docker_made_in_between_is_renamed_too(portsip: Path) -> None:
    """A container that was started by somebody makes an empty folder where there is none: it is not lost either."""
    asked("make", portsip, POINT)
    shutil.rmtree(table(portsip) / "all_2_2_0")
    assert killed_after(portsip, 2, "rename", "put_back", str(portsip), POINT) == -9
    data = portsip / "clickhouse" / "data"
    assert not data.exists()
    data.mkdir()
    (data / "made-in-between").touch()
    asked("put_back", portsip, POINT)
    assert (table(portsip) / "all_2_2_0").is_dir()
    assert len(list((portsip / "clickhouse").glob("data.failed-*"))) == 2


def fill(server: Server) -> None:
    """Tables of the engines that a Data Flow server may have."""
    for sql in (
        "CREATE TABLE calls (d Date, x UInt32, s String) ENGINE = MergeTree PARTITION BY toYYYYMM(d) ORDER BY x",
        "CREATE TABLE log_lines (x UInt32) ENGINE = Log",
        "CREATE TABLE small (x UInt32) ENGINE = TinyLog",
        "CREATE TABLE csv (x UInt32) ENGINE = File(CSV)",
    ):
        server.ask(sql)
    more(server)


def more(server: Server) -> None:
    """Thousand rows in each table, as one more part."""
    server.ask("INSERT INTO calls SELECT toDate('2025-01-01') + number % 90, number, 'x' FROM numbers(1000)")
    for name in TABLES[1:]:
        server.ask(f"INSERT INTO {name} SELECT number FROM numbers(1000)")


def rows(portsip: Path) -> int:
    """What the witness counts in the data folder."""
    told: int = asked(portsip / "clickhouse" / "data", program=ROWS)["rows"]
    return told


def test_a_real_server_finds_the_rows_of_the_point_again(tmp_path: Path) -> None:
    """Whatever it did since: merged, appended, mutated, dropped. The witness counts the same as the server does."""
    portsip = tmp_path / "portsip"
    (portsip / "dataflow").mkdir(parents=True)
    with server_on(portsip) as server:
        fill(server)
        more(server)
        wanted = server.rows(TABLES)
        content = server.ask("SELECT sum(cityHash64(d, x, s)) FROM calls")
        assert "ClickHouse still runs" in asked("make", portsip, POINT)["refused"]
    assert rows(portsip) == int(wanted["calls"]) == 2000
    asked("make", portsip, POINT)
    snapshot = everything(kept(portsip))
    assert asked("opened", portsip, POINT) == {"opened": False}
    with server_on(portsip) as server:
        more(server)
        for sql in (
            "OPTIMIZE TABLE calls FINAL",
            "ALTER TABLE calls ADD COLUMN y UInt8 DEFAULT 1",
            "ALTER TABLE calls UPDATE s = 'y' WHERE 1 SETTINGS mutations_sync = 2",
            "ALTER TABLE calls DROP PARTITION 202502",
            "TRUNCATE TABLE small",
            "DROP TABLE csv SYNC",
        ):
            server.ask(sql)
    assert everything(kept(portsip)) == snapshot
    assert asked("opened", portsip, POINT) == {"opened": True}
    asked("put_back", portsip, POINT)
    assert rows(portsip) == 2000
    with server_on(portsip) as server:
        assert server.rows(TABLES) == wanted
        assert server.ask("SELECT sum(cityHash64(d, x, s)) FROM calls") == content
    assert everything(kept(portsip)) == snapshot


def test_the_witness_tells_nothing_of_a_folder_that_is_no_store(tmp_path: Path) -> None:
    """Nothing is not the same as no rows."""
    assert asked(tmp_path, program=ROWS) == {"rows": None}
