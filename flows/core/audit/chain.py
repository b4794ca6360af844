"""The audit log as a chain: each line holds the hash of the one before, so that no line can go or change unnoticed.

A line is `HASH JSON`: the SHA-256 of exactly the bytes behind the blank, as `cut -c66- | sha256sum` tells it for one
line; the JSON holds the line's number, the hash of the line before, and the record. A chain alone proves only that
its lines belong together: who may write the file may write all of it anew, or cut its end. What notices that are the
heads (number and hash of the last line) that were repeated elsewhere, in artifacts and health checks.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BEGIN = "0" * 64
"""What the first line names as the hash of the line before."""

_LINE = re.compile(r"([0-9a-f]{64}) (\{.*\})")


@dataclass(frozen=True, order=True)
class Head:
    """The end of a log at some moment: the number of its last line and its hash; `where` that was noted, in words."""

    number: int
    hash: str
    where: str = ""

    def __str__(self) -> str:
        return f"line {self.number} {self.hash}"


@dataclass(frozen=True)
class Link:
    """One line as far as the chain goes; `number` is 0 where it is no line of a log, `place` counts lines from 1.

    `stated` is the hash that it begins with, `hash` the one that it has; `ended`: a line end follows.
    """

    place: int
    number: int = 0
    previous: str = ""
    stated: str = ""
    hash: str = ""
    ended: bool = True

    @property
    def fits(self) -> bool:
        """Whether the line is what its writer wrote, by its own word."""
        return self.number > 0 and self.stated == self.hash


def canonical(values: Any) -> str:
    """The one text for these values: sorted, without blanks, in ASCII."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def line(head: Head | None, record: dict[str, Any]) -> str:
    """The line to append to a log that ends with this head (None: to an empty one)."""
    number, previous = (head.number + 1, head.hash) if head else (1, BEGIN)
    text = canonical({"number": number, "previous": previous, "record": record})
    return f"{digest(text)} {text}\n"


def next_line(end: str, record: dict[str, Any]) -> str:
    """The line to append to a log with this end; "" where it holds the record already, whose answer was lost.

    It begins a new line where a writer was interrupted: what that left is not touched.
    """
    if place_of(end, record):
        return ""
    return ("" if end.endswith("\n") or not end else "\n") + line(head_of(end), record)


def place_of(text: str, record: dict[str, Any]) -> Head | None:
    """The line that holds this record, as the head that it made; None where none does."""
    plain = json.loads(canonical(record))
    return next((Head(link.number, link.hash) for link, there in entries(text) if link.fits and there == plain), None)


def entries(text: str) -> Iterator[tuple[Link, dict[str, Any]]]:
    """Every line with its record, which is empty where it cannot be read; one at a time, for logs of many years."""
    place, start = 0, 0
    while start < len(text):
        end = text.find("\n", start)
        place, stop = place + 1, len(text) if end < 0 else end
        yield _entry(place, text[start:stop], ended=end >= 0)
        start = stop + 1


def head_of(text: str) -> Head | None:
    """The last whole line of a log, or of its end: what the next line is chained to. None where there is none."""
    found = None
    for link, _ in entries(text):
        found = Head(link.number, link.hash) if link.fits else found
    return found


def noted(text: str, where: str) -> Head:
    """Read the text of a head that was noted somewhere; raises `ValueError` for anything else."""
    if not (match := re.fullmatch(r"line ([1-9]\d*) ([0-9a-f]{64})", text)):
        raise ValueError(f"{text!r:.100} is not the head of a log")
    return Head(int(match[1]), match[2], where)


def _entry(place: int, text: str, *, ended: bool) -> tuple[Link, dict[str, Any]]:
    if not (match := _LINE.fullmatch(text)):
        return Link(place, ended=ended), {}
    stated, body = match.groups()
    try:
        values = json.loads(body)
        number, previous, record = values["number"], values["previous"], values["record"]
    except (ValueError, KeyError, RecursionError):
        return Link(place, ended=ended), {}
    if type(number) is not int or number < 1 or not isinstance(previous, str) or not isinstance(record, dict):
        return Link(place, ended=ended), {}
    return Link(place, number, previous, stated, digest(body), ended), record


def digest(text: str) -> str:
    """The SHA-256 of a text, as `sha256sum` tells it of a file with it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
