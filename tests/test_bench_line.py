"""The line of limited speed that a benchmark puts before a registry, on a clock of the test's own."""

from __future__ import annotations

import pytest

from tests.engine import bucket


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which only a sleep moves on."""
    now = [100.0]
    monkeypatch.setattr(bucket.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(bucket.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_no_more_goes_through_than_the_line_takes(clock: list[float]) -> None:
    """However it is cut into pieces; what was saved up in an idle time is a tenth of a second at most."""
    line = bucket.Bucket(1000)
    for _ in range(50):
        line.take(100)
    assert clock[0] == pytest.approx(100 + 5 - 0.1)
    clock[0] += 60
    began = clock[0]
    line.take(1100)
    assert clock[0] == pytest.approx(began + 1)


def test_a_line_without_a_limit_lets_everything_through(clock: list[float]) -> None:
    """As every other relay of the lab."""
    bucket.Bucket().take(10**12)
    assert clock[0] == 100
