"""Why ClickHouse gave up is read from its own log, and only when that was just now."""

from __future__ import annotations

import pytest

from flows.core.clickhouse_log import log_command, why_it_ended

BUSY = "2026.11.30 21:00:01.000001 [ 77 ] {9f1c} <Error> executeQuery: Code: 60. DB::Exception: Unknown table x."
REASON = "Code: 336. DB::Exception: Unknown database engine: MaterializedMySQL: while loading database `old`"
GAVE_UP = f"2026.11.30 21:00:02.900000 [ 1 ] {{}} <Error> Application: {REASON}, Stack trace (when copying this):"
TRACE = "\n0. DB::Exception::Exception(String const&, int) @ 0x00000000071f4c1b"
AFTER = "2026.11.30 21:00:12.100000 [ 1 ] {} <Warning> Application: another start begins"


def printed(idle: int, *lines: str) -> str:
    """What the server prints for a log that was written last so many seconds ago."""
    return "\n".join((str(idle), *lines))


def test_the_reason_is_told_with_its_age_whatever_the_zone_of_the_log() -> None:
    """The last line is as old as the file, and the reason is ten seconds older; its stack trace is left out."""
    said = why_it_ended(printed(20, BUSY, GAVE_UP, TRACE, AFTER), within=60)
    assert said == f"ClickHouse gave up 30 s before, as its log says: {REASON}"


def test_the_last_of_several_reasons_is_told() -> None:
    """A container that is started again and again gives up each time; the last one counts."""
    killed = GAVE_UP.replace("<Error>", "<Fatal>").replace("21:00:02", "21:00:09").replace(REASON, "ended by signal 9")
    assert why_it_ended(printed(0, GAVE_UP, killed), within=60).endswith(
        "0 s before, as its log says: ended by signal 9"
    )


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("", id="no log"),
        pytest.param("0\n", id="an empty log"),
        pytest.param(printed(0, BUSY, AFTER), id="errors of queries and warnings only"),
        pytest.param(printed(61, GAVE_UP), id="before the step began"),
        pytest.param(printed(51, GAVE_UP, AFTER), id="before the step began, by the lines"),
        pytest.param(f"stat: refused\n{GAVE_UP}", id="an age that is no number"),
        pytest.param(printed(0, GAVE_UP[30:]), id="a line whose beginning is cut off"),
    ],
)
def test_nothing_is_told_that_the_log_does_not_say_of_this_step(answer: str) -> None:
    """An old reason is no reason, and a failed query ends nothing."""
    assert why_it_ended(answer, within=60) == ""


def test_a_reason_is_short_and_holds_no_password() -> None:
    """It goes into an error that people read."""
    long = GAVE_UP.replace("Unknown", "Unknown " + "x" * 9_000)
    assert len(why_it_ended(printed(0, long), within=60)) < 500
    told = why_it_ended(printed(0, GAVE_UP.replace(REASON, "cannot sign in with password=hunter2")), within=60)
    assert "hunter2" not in told
    assert "cannot sign in" in told
    assert "Unknown" not in why_it_ended(printed(0, GAVE_UP), within=60, secrets=["Unknown database"])


def test_a_data_path_with_a_blank_is_one_word() -> None:
    """The path is quoted for the shell of the server."""
    assert "'/data of pbx/clickhouse/log/clickhouse-server.err.log'" in log_command("/data of pbx")
