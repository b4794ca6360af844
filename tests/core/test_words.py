"""Figures as people read them, and tables that no text can break."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from flows.core.words import duration, size, table, utc


def columns(line: str) -> int:
    """How many cells a Markdown renderer sees: a pipe counts unless an odd number of backslashes stands before it."""
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1


DURATIONS: list[tuple[float, str]] = [
    (0.04, "0.0 s"),
    (0.44, "0.4 s"),
    (9.94, "9.9 s"),
    (12.4, "12 s"),
    (185, "3 min 5 s"),
    (7440, "2 h 4 min"),
]


def test_a_duration_has_two_figures_at_most() -> None:
    """From tenths of a second to hours."""
    for seconds, said in DURATIONS:
        assert duration(seconds) == said


SIZES: list[tuple[float, str]] = [
    (0, "0 B"),
    (512, "512 B"),
    (1536, "1.5 KiB"),
    (3 * 2**20, "3.0 MiB"),
    (64 * 2**30, "64.0 GiB"),
    (2**41, "2.0 TiB"),
]


def test_a_size_has_its_unit() -> None:
    """In steps of 1024."""
    for count, said in SIZES:
        assert size(count) == said


def test_a_time_has_its_offset() -> None:
    """Nobody has to guess the zone."""
    assert utc(1_800_000_000) == "2027-01-15 08:00:00+00:00"


def test_a_table_has_a_line_for_each_row() -> None:
    """Header, rule, rows."""
    assert table(("a", "b"), [(1, "x|y"), ("two\nlines", "")]) == "\n".join(
        ("| a | b |", "| --- | --- |", "| 1 | x\\|y |", "| two<br>lines |  |")
    )


TEXT = st.text("ab |\\`*\n\r\x0b\x85\u2028<é漢😀", max_size=9)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=3))
def test_no_text_breaks_a_table(rows: list[tuple[str, str, str]]) -> None:
    """Pipes, backslashes and every kind of line end stay inside their cell."""
    lines = re.split(r"\r\n|\r|\n", table(("one", "two", "three"), rows))
    assert len(lines) == len(rows) + 2
    assert {columns(line) for line in lines} == {3}
