"""The vendor's script: its command line as the guide prints it, and when its transcript means failure."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flows.core.script import (
    LAST_LINES,
    RunArguments,
    Transcript,
    failure,
    parse_transcript,
    run_command,
    transcript_command,
)

ARGUMENTS = RunArguments("/var/lib/portsip", "192.168.1.26", "", "portsip/pbx:22", "portsip/clickhouse:25.8")
GOOD = Transcript("run", "/folder", ("[info]: begin", "done"), 0, 10.0, 20.0)


def test_the_command_line_is_that_of_the_guide() -> None:
    """Step 5, word for word."""
    assert run_command("dataflow.sh", ARGUMENTS) == [
        *("/bin/bash", "dataflow.sh", "run", "-p", "/var/lib/portsip", "-a", "192.168.1.26"),
        *("-i", "portsip/pbx:22", "-d", "portsip/clickhouse:25.8"),
    ]


def test_an_empty_setting_is_left_out_with_its_flag() -> None:
    """A flag without a value would swallow the next one."""
    only_public = replace(ARGUMENTS, private_address="", public_address="203.0.113.9", clickhouse_image="")
    argv = run_command("dataflow.sh", only_public)
    assert argv[5:] == ["-A", "203.0.113.9", "-i", "portsip/pbx:22"]


def test_exit_code_0_without_a_reported_error_is_success() -> None:
    """Both have to be so."""
    assert failure(GOOD) == ""
    assert failure(replace(GOOD, lines=())) == ""


ERROR_LINES: list[str] = [
    "[error]: no such image",
    "[ERROR] no such image",
    "  [error] : no such image",
    "\x1b[31m[error]: no such image",
]


def test_a_reported_error_is_a_failure_although_it_exits_0() -> None:
    """The script prints `[error]:` and exits 0 for an unknown word, with colour or without."""
    for line in ERROR_LINES:
        assert (
            failure(replace(GOOD, lines=("begin", line))) == "the script reported an error: no such image (exit code 0)"
        )


def test_the_last_reported_error_is_told() -> None:
    """It is nearest to the end."""
    said = failure(replace(GOOD, lines=("[error]: first", "[error]: second"), exit_code=3))
    assert said == "the script reported an error: second (exit code 3)"


def test_the_word_error_inside_a_line_is_none() -> None:
    """A log that speaks about errors is no failure."""
    assert failure(replace(GOOD, lines=("0 errors, see [error]: section of the manual",))) == ""


def test_a_bad_exit_code_tells_the_last_line() -> None:
    """Blank lines at the end are passed over."""
    assert failure(replace(GOOD, lines=("pulling", "no space left", " "), exit_code=1)) == (
        "the script ended with exit code 1; its last line: no space left"
    )
    assert failure(replace(GOOD, lines=(), exit_code=1)).endswith("its last line: no output")


def test_the_end_of_a_transcript_is_read_and_the_rest_counted(tmp_path: Path) -> None:
    """However long it is; of the lines that are not read, those that report an error are."""
    log = tmp_path / "a log's place"
    lines = [
        "begin",
        "[error]: no space",
        "see [error]: below",
        "\xa0\x85\u2028 odd",
        "",
        *map(str, range(LAST_LINES - 1)),
        "",
    ]
    for kept, expected in (
        (lines, (5, ("[error]: no space",), tuple(lines[5:]))),
        (lines[:3], (0, ("[error]: no space",), tuple(lines[:3]))),
        (["", ""], (0, (), ("", ""))),
        ([], (0, (), ())),
    ):
        log.write_text("".join(f"{line}\n" for line in kept))
        told = subprocess.run(["bash", "-c", transcript_command(str(log))], capture_output=True, text=True, check=True)
        assert parse_transcript(told.stdout) == expected
    log.unlink()
    assert subprocess.run(["bash", "-c", transcript_command(str(log))], capture_output=True).returncode == 1


def test_an_error_reported_long_before_the_end_is_a_failure() -> None:
    """Its line is none of the last ones."""
    said = failure(replace(GOOD, before=1000, reported=("[error]: no such image",)))
    assert said == "the script reported an error: no such image (exit code 0)"
    assert replace(GOOD, before=1000).count == 1002


def test_a_signal_is_named() -> None:
    """Somebody killed it, whatever it said before."""
    assert failure(replace(GOOD, lines=("[error]: x",), exit_code=-9)) == "the script was ended by signal 9"


def test_a_script_without_an_end_has_not_ended_well() -> None:
    """No exit code is no success."""
    assert failure(replace(GOOD, exit_code=None, ended=None)) == "the script has not ended"


@given(st.lists(st.text("[eror]: \x1b", max_size=20), max_size=5), st.integers(-64, 255).filter(bool))
def test_no_output_turns_a_bad_exit_code_into_success(lines: list[str], exit_code: int) -> None:
    """Whatever it prints."""
    assert failure(replace(GOOD, lines=tuple(lines), exit_code=exit_code))
