"""Clock facts: is it synchronised, and how far is it from ours.

The host's time is asked first and last, as NTP does: what lies between is our other questions, and only the
travel of the messages is left as the uncertainty.
"""

from __future__ import annotations

import re

from flows.core.facts.question import Answers, Question, read

CLOCK_FIRST = (Question("clock-first", "date +%s.%N"),)
CLOCK_STATE = (
    Question("timedatectl", "timedatectl show"),
    Question("chronyc", "chronyc -c -n tracking"),
)
CLOCK_LAST = (Question("clock-last", "date +%s.%N"),)


def parse_time(text: str) -> float:
    """Seconds since 1970."""
    return float(text.strip())


def parse_timedatectl(text: str) -> bool:
    """Whether systemd calls the clock synchronised."""
    match = re.search(r"^NTPSynchronized=(yes|no)\s*$", text, re.MULTILINE)
    if match is None:
        raise ValueError("no NTPSynchronized")
    return match.group(1) == "yes"


def parse_chronyc(text: str) -> bool:
    """Whether chrony has a source: 14 fields, the third is the stratum, the last the leap status."""
    fields = text.strip().splitlines()[-1].split(",")
    if len(fields) < 14:
        raise ValueError("not a tracking line")
    return 0 < int(fields[2]) < 16 and fields[13].strip() != "Not synchronised"


def clock_synchronised(answers: Answers) -> bool | None:
    """Synchronised by either source; None when neither answers."""
    said = [read(answers, "timedatectl", parse_timedatectl), read(answers, "chronyc", parse_chronyc)]
    known = [answer for answer in said if answer is not None]
    return any(known) if known else None


def clock_offset(answers: Answers, sent: float, received: float) -> tuple[float | None, float]:
    """Seconds that the host is ahead of us, and the uncertainty of that (half of the travel time)."""
    first, last = read(answers, "clock-first", parse_time), read(answers, "clock-last", parse_time)
    if first is None and last is None:
        return None, 0.0
    early = first if first is not None else last
    late = last if last is not None else first
    assert early is not None and late is not None
    travel = max(0.0, (received - sent) - (late - early))
    return ((early - sent) + (late - received)) / 2, travel / 2
