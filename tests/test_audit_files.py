"""The files of an audit: always a page and a CSV, and what the extra `audit` adds where it is installed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from flows.core.audit.asked import Asked, Gathered, audited
from flows.core.audit.frame import frame
from flows.core.audit.sheet import run_values
from flows.tasks.audit_files import PAGE, PARQUET, TABLE, folder_of, write_files
from tests.core.audit.records import START
from tests.core.audit.test_history import NOW, of, record, run

AUDIT = audited(Gathered((run("a"), run("b", at=START + 60)), (of(record("a")),)), Asked(), NOW)


def test_each_audit_has_a_folder_of_its_own_that_nobody_else_reads(tmp_path: Path) -> None:
    """By its time in UTC; the page is the first file."""
    place = folder_of(str(tmp_path), START)
    assert place == tmp_path / "2027-01-15T080000Z"
    assert folder_of("", START).parts[-2:] == ("data-flow-audits", "2027-01-15T080000Z")
    names = write_files(place, AUDIT)
    assert names[:2] == (PAGE, TABLE)
    assert {each.name for each in place.iterdir()} == {*names}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert (place / TABLE).read_bytes().count(b"\r\n") == 3


def test_a_frame_has_times_numbers_and_truths_as_what_they_are() -> None:
    """What is not known is missing, and no zero."""
    table = frame([run_values(each) for each in AUDIT.past])
    kinds = {name: str(kind) for name, kind in table.dtypes.items()}
    assert kinds["started"].startswith("datetime64") and kinds["started"].endswith("UTC]")
    assert (kinds["rows_after"], kinds["downtime_s"], kinds["outside_window"]) == ("Int64", "Float64", "boolean")
    assert table["downtime_s"].isna().tolist() == [False, True]
    assert frame(()).empty


def test_with_the_extra_there_are_parquet_and_plots(tmp_path: Path) -> None:
    """Of every chart that has something to show."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pytest.importorskip("matplotlib")
    names = write_files(tmp_path, AUDIT)
    assert {PARQUET, "changes-by-month.png", "rows-of-prod.png"} <= {*names}
    assert len(pandas.read_parquet(tmp_path / PARQUET)) == 2
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names if name.endswith(".png"))
