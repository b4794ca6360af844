"""How an unknown is answered: whether it is, what was seen, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How much of an unknown a first contact settled."""

    ANSWERED = "answered"
    PARTLY = "answered in part"
    OPEN = "still open"


@dataclass(frozen=True)
class Answer:
    """What became of an unknown: what was seen, or why it is open."""

    state: State
    said: str


def answered(said: str, left: str = "") -> Answer:
    """It was seen; `left` names what was not."""
    return Answer(State.PARTLY if left else State.ANSWERED, f"{said}; not seen: {left}" if left else said)


def still_open(why: str) -> Answer:
    """It was not seen, because of this."""
    return Answer(State.OPEN, why)
