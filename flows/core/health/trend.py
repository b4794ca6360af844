"""A few numbers of each check, kept for a month, and what they say about where things go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from statistics import linear_regression

DAY = 86400.0
HOURS, DAYS = 24, 30
LEAST_SPAN = DAY / 4
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Point:
    """What one check counted; `time` is seconds since 1970, sizes are bytes, None is what was not to be had."""

    time: int
    free: int | None = None
    log: int | None = None
    rows: int | None = None
    restarts: int | None = None

    def as_list(self) -> list[int | None]:
        """The fields in order, which is what is stored."""
        return list(astuple(self))


def thinned(points: Sequence[Point], now: float) -> tuple[Point, ...]:
    """The first point of each hour of the last day, one of each day of the last month, and the newest; in order."""
    kept: dict[tuple[str, int], Point] = {}
    ordered = sorted(points, key=lambda point: point.time)
    for point in ordered:
        age = now - point.time
        if age <= HOURS * 3600:
            # The first one, so that what has happened within this hour is seen against it.
            kept.setdefault(("hour", point.time // 3600), point)
        elif age <= DAYS * DAY:
            kept["day", int(point.time // DAY)] = point
    return tuple(dict.fromkeys((*kept.values(), *ordered[-1:])))


def per_day(points: Sequence[Point], name: str, days: float = 7) -> float | None:
    """By how much a number grows in a day: the least-squares line of the last days; None without six hours of it."""
    if not points:
        return None
    last = points[-1].time
    seen = [
        (point.time / DAY, getattr(point, name))
        for point in points
        if last - point.time <= days * DAY and getattr(point, name) is not None
    ]
    if len(seen) < 2 or (seen[-1][0] - seen[0][0]) * DAY < LEAST_SPAN:
        return None
    return linear_regression(*zip(*seen, strict=True)).slope


def days_until_full(points: Sequence[Point]) -> float | None:
    """How many days the free space lasts if it goes on like this; None when it does not shrink, or is not known."""
    slope = per_day(points, "free")
    free = points[-1].free if points else None
    return None if slope is None or slope >= 0 or free is None else free / -slope


def restarted(points: Sequence[Point]) -> int:
    """How often Docker started a container again within the last day; new containers begin at zero."""
    counts = [p.restarts for p in points if points[-1].time - p.time <= DAY and p.restarts is not None]
    return sum(max(0, after - before) for before, after in pairwise(counts))


def sparkline(numbers: Sequence[float | None]) -> str:
    """The numbers as one line of small bars; a gap where one is missing."""
    known = [number for number in numbers if number is not None]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1
    return "".join(" " if n is None else _BARS[int((n - low) / span * (len(_BARS) - 1))] for n in numbers)
