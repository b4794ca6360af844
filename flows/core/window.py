"""The maintenance window of a cluster: when changes may be made, by the wall clock of the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Window:
    """On which days it begins, and from when to when (`22:00`); an end that is not later is one of the next day.

    No day means always. Start and end are what the clock on the wall shows: in the night in which it is put forward
    the window is an hour shorter, and in the other one an hour longer.
    """

    days: tuple[str, ...] = ()
    start: str = "22:00"
    end: str = "04:00"
    time_zone: str = "UTC"

    def __str__(self) -> str:
        days = "every day" if len({*self.days}) == len(DAYS) else ", ".join(day for day in DAYS if day in self.days)
        return f"{days}, {self.start} to {self.end} {self.time_zone}" if self.days else "always"


def is_open(window: Window, now: float) -> bool:
    """Whether a change may be made `now` (seconds since 1970)."""
    return not window.days or any(start <= now < end for start, end in _spans(window, now))


def next_start(window: Window, now: float) -> float:
    """When it opens the next time after `now`, in seconds since 1970; `now` itself where it is always open."""
    return min((start for start, _ in _spans(window, now) if start > now), default=now)


def shown(window: Window, moment: float) -> str:
    """A time as the people there read it: `Saturday 2026-11-28 22:00 Europe/Berlin`."""
    local = datetime.fromtimestamp(moment, ZoneInfo(window.time_zone))
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {window.time_zone}"


def _spans(window: Window, now: float) -> Iterator[tuple[float, float]]:
    """Every opening from yesterday's until the first one after `now`, which is at most a week and a day away."""
    zone = ZoneInfo(window.time_zone)
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    today = datetime.fromtimestamp(now, zone).date()
    for ahead in range(-1, len(DAYS) + 2):
        day = today + timedelta(days=ahead)
        if DAYS[day.weekday()] in window.days:
            last = day if end > start else day + timedelta(days=1)
            # Of an hour that comes twice, the first one opens and the second one closes.
            opens, closes = (datetime.combine(day, start, zone), datetime.combine(last, end.replace(fold=1), zone))
            if opens.timestamp() < closes.timestamp():  # else all of it falls into the hour that is left out
                yield opens.timestamp(), closes.timestamp()
