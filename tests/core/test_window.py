"""The maintenance window: open or not, and when next, over midnight and in the nights when the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.core.window import DAYS, Window, is_open, next_start, shown

BERLIN = Window(("Saturday", "Sunday"), "22:00", "04:00", "Europe/Berlin")
"""2026: Saturday 24 January; summer time from Sunday 29 March 02:00 to Sunday 25 October 03:00."""


def at(text: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_window_is_open_by_the_clock_of_the_place() -> None:
    """Also behind midnight, when the day that it began on is over."""
    night = Window(("Sunday",), "01:30", "03:30", "Europe/Berlin")
    cases = (
        (Window(), "2026-01-21T12:00", True),
        (BERLIN, "2026-01-24T20:59", False),
        (BERLIN, "2026-01-24T21:00", True),
        (BERLIN, "2026-01-26T02:59", True),  # Monday morning belongs to Sunday's
        (BERLIN, "2026-01-26T03:00", False),
        (BERLIN, "2026-01-24T02:00", False),  # Friday has none
        (BERLIN, "2026-07-25T20:00", True),  # summer: 22:00 is 20:00 UTC
        (BERLIN, "2026-07-26T02:00", False),
        (Window(("Monday",), "08:00", "08:00"), "2026-01-20T07:59", True),  # a whole day
        (Window(("Monday",), "08:00", "08:00"), "2026-01-20T08:00", False),
        (night, "2026-03-29T01:29", True),  # 03:29 in summer time: the hour from 2 to 3 is left out
        (night, "2026-03-29T01:30", False),
        (night, "2026-10-24T23:30", True),  # 01:30 in summer time
        (night, "2026-10-25T02:29", True),  # 03:29 in winter time: three hours
        (night, "2026-10-25T02:30", False),
        (Window(("Sunday",), "02:10", "02:50", "Europe/Berlin"), "2026-03-29T01:15", False),
    )
    for window, moment, expected in cases:
        assert is_open(window, at(moment)) is expected, (str(window), moment)


def test_the_next_window_is_found_wherever_one_stands() -> None:
    """From inside one, it is the one after; an hour that comes twice opens it the first time."""
    cases = (
        (BERLIN, "2026-01-21T12:00", "2026-01-24T21:00"),
        (BERLIN, "2026-01-24T21:00", "2026-01-25T21:00"),
        (BERLIN, "2026-01-25T21:00", "2026-01-31T21:00"),
        (BERLIN, "2026-03-28T22:00", "2026-03-29T20:00"),
        (Window(("Wednesday",), "22:00", "23:00"), "2026-01-21T22:00", "2026-01-28T22:00"),
        (Window(("Sunday",), "02:30", "05:00", "Europe/Berlin"), "2026-10-24T12:00", "2026-10-25T00:30"),
        # There is no such time on that day: a week later.
        (Window(("Sunday",), "02:10", "02:50", "Europe/Berlin"), "2026-03-28T12:00", "2026-04-05T00:10"),
        (Window(), "2026-01-21T12:00", "2026-01-21T12:00"),
    )
    for window, moment, expected in cases:
        assert next_start(window, at(moment)) == at(expected), (str(window), moment)


def test_a_window_is_told_in_words() -> None:
    """As the refusal says it."""
    assert str(Window()) == "always"
    assert str(BERLIN) == "Saturday, Sunday, 22:00 to 04:00 Europe/Berlin"
    assert str(Window(DAYS)) == "every day, 22:00 to 04:00 UTC"
    assert shown(BERLIN, at("2026-01-24T21:00")) == "Saturday 2026-01-24 22:00 Europe/Berlin"
