"""Appending to the audit log by a real shell: never two lines for one, never one lost, nothing half where it can be."""

from __future__ import annotations

import base64
import gzip
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.core.audit.append import (
    OTHER,
    append_command,
    end_command,
    last_command,
    parse_end,
    parse_last,
    read_command,
)
from flows.core.audit.chain import digest, entries, head_of, next_line
from flows.core.audit.digests import digests_command, parse_digests
from flows.core.audit.verify import verify


def shell(command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """What the control node would run."""
    return subprocess.run(["sh", "-c", command], input=given, capture_output=True, text=True, check=False)


def append(log: Path, record: dict[str, object], most: int = 4096) -> int:
    """Append a record as a run does; returns how often the log had grown meanwhile."""
    for tries in range(100):
        size, end = parse_end(shell(end_command(str(log), most)).stdout)
        line = next_line(end, record)
        if not line or shell(append_command(str(log), size, line), line).returncode == 0:
            return tries
    raise AssertionError("never appended")


def test_a_log_begins_and_grows_and_is_nobody_elses(tmp_path: Path) -> None:
    """In a folder with a blank and a quote in its name, too; only its end is read."""
    log = tmp_path / "a b'c" / "audit.log"
    log.parent.mkdir()
    for number in range(12):
        assert append(log, {"run": number, "text": "x" * 900}) == 0
    assert append(log, {"run": 11, "text": "x" * 900}) == 0  # an answer was lost: it is there already
    assert (verify(log.read_text()).intact, verify(log.read_text()).lines) == (True, 12)
    assert log.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in log.parent.iterdir()) == ["audit.log", "audit.log.guard"]


def test_runs_that_end_at_the_same_moment_all_get_their_line(tmp_path: Path) -> None:
    """Whoever comes second reads the end again."""
    log = tmp_path / "audit.log"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: append(log, {"run": number}), range(12)))
    assert sorted(record["run"] for _, record in entries(log.read_text())) == [*range(12)]
    assert verify(log.read_text()).intact


def test_a_log_that_has_grown_or_a_line_that_was_cut_appends_nothing(tmp_path: Path) -> None:
    """A link can break in the middle of what is sent."""
    log = tmp_path / "audit.log"
    line = next_line("", {"run": 1})
    assert shell(append_command(str(log), 0, line), line[:20]).returncode == 1
    assert not log.exists()
    assert shell(append_command(str(log), 0, line), line).returncode == 0
    assert shell(append_command(str(log), 0, line), line).returncode == OTHER
    assert log.read_text() == line


def test_the_head_is_told_without_reading_the_log(tmp_path: Path) -> None:
    """Of a line that is only half written it is not told: what follows that has the same number."""
    log = tmp_path / "a b" / "audit.log"
    log.parent.mkdir()
    assert shell(read_command(str(log))).stdout == ""
    assert parse_last(shell(last_command(str(log))).stdout) is None
    for number in range(11):
        append(log, {"run": number, "text": "x" * 900})
    assert parse_last(shell(last_command(str(log))).stdout) == head_of(log.read_text())
    assert shell(read_command(str(log))).stdout == log.read_text()
    with log.open("a") as file:
        file.write(next_line(log.read_text(), {"run": 12})[:150])
    assert parse_last(shell(last_command(str(log))).stdout) is None


def test_digests_are_of_the_texts_that_an_auditor_reads(tmp_path: Path) -> None:
    """Snapshots lie packed on the control node; what is not there has no digest."""
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "log").write_text("begin\ndone\n")
    (folder / "state.json").write_text("{}")
    for name in ("after", "reference"):
        packed = base64.encodebytes(gzip.compress(name.encode() * 9000))
        (folder / f"{name}.gz.b64").write_bytes(packed)
    told = parse_digests(shell(digests_command(str(folder), f"{folder}/log", "transcript.log")).stdout)
    assert told == {
        "transcript.log": digest("begin\ndone\n"),
        **{f"{name}.json": digest(name * 9000) for name in ("after", "reference")},
    }
    nothing = shell(digests_command(str(tmp_path / "none"), "", "transcript.log"))
    assert (nothing.returncode, nothing.stdout) == (0, "")
