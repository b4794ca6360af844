"""Each unknown is answered by what was seen, and stays open by name where it was not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.core.contact.answer import State
from flows.core.contact.seen import Reply
from flows.core.contact.unknowns import UNKNOWNS, answers, tally
from tests.core.contact.sights import control, database, pbx, seen, server

EMPTY = Reply("/api/ip_filters", 200, "{count: number, items: empty list}")
NO_STATUS = Reply("/api/dataflow/status", 404)
OLD_FORM = pbx(sign_in="/api/login/oauth/token", token_life=None)
ALWAYS_OPEN = {4, 5, 11, 14}
"""What no look that changes and provokes nothing can tell."""


def states(**known: Any) -> dict[int, State]:
    """Number of each unknown -> what became of it."""
    return {number: answer.state for number, (_, answer) in enumerate(answers(seen(**known)), 1)}


def said(number: int, **known: Any) -> str:
    """What is said of one unknown."""
    return answers(seen(**known))[number - 1][1].said


def test_there_are_sixteen_and_a_whole_look_answers_all_that_a_look_can() -> None:
    """None is left out, none is answered that was not seen."""
    found = states()
    assert list(found) == list(range(1, 17))
    assert {number for number, state in found.items() if state is State.OPEN} == ALWAYS_OPEN
    assert tally(seen()) == "7 of 16 unknowns answered, 5 in part"


@pytest.mark.parametrize(
    ("shut", "still_open"),
    [
        ({"pbx": None}, {1, 2, 3, 6, 15}),
        ({"control": None}, {7, 12, 16}),
        ({"server": None}, {8, 9, 10, 13}),
        ({"pbx": None, "control": None, "server": None}, set(range(1, 17))),
    ],
)
def test_a_shut_door_leaves_its_unknowns_open(shut: dict[str, None], still_open: set[int]) -> None:
    """And no other; that the PBX's version is then missing beside an image is said."""
    assert {number for number, state in states(**shut).items() if state is State.OPEN} == ALWAYS_OPEN | still_open


@pytest.mark.parametrize("number", range(1, 17))
def test_an_open_one_says_why(number: int) -> None:
    """Never an empty cell."""
    assert said(number, pbx=None, control=None, server=None)
    assert isinstance(UNKNOWNS[number - 1][1], Callable)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "known", "words"),
    [
        (1, {"pbx": pbx(replies=(Reply("/api/dataflow/token", 404),))}, "GET /api/dataflow/token: HTTP 404"),
        (
            2,
            {"pbx": pbx(replies=(Reply("/api/dataflow/status", 404),), version="22.5.0")},
            "PBX 22.5.0: GET /api/dataflow/status: HTTP",
        ),
        (2, {"pbx": pbx(replies=(Reply("/api/dataflow/status", 0, trouble="timed out"),))}, "timed out"),
        (
            3,
            {"pbx": pbx(sign_in="/api/login/oauth/token", token_life=None)},
            "form B (OAuth) without second factor, a token names no end",
        ),
        (4, {"pbx": pbx(waits=("GET /api/sbc: HTTP 429, no Retry-After",))}, "HTTP 429, no Retry-After"),
        (6, {}, "an entry has cidr: network/32; target: text; expire_at: time in Z"),
        (6, {"pbx": pbx(replies=(EMPTY,))}, "the list shows no entry"),
        (7, {"control": control(script=None, present=False)}, "there is no such script"),
        (8, {}, "192.168.1.20:8887 open, 192.168.1.20:4222 shut"),
        (8, {"server": None, "control": control(trusted=False)}, "zone trusted is empty"),
        (9, {"server": server(clickhouse=None, dataflow=None)}, "no container of the service is there"),
        (10, {"server": server(connections=())}, "no connection to the PBX now"),
        (12, {"control": control(key=None)}, "key not seen"),
        (13, {}, "PBX 22.8.0 with portsip/clickhouse:25.8 (25.8.2.1)"),
        (13, {"pbx": None}, "not seen: the PBX's version"),
        (16, {"control": control(ha_healthy=None)}, "we CANNOT read it"),
        (16, {"control": control(ha_text="", ha_verb="")}, "it was not run"),
        (16, {"control": control(ha_text="")}, "perhaps sudo refused it"),
    ],
)
def test_what_is_said_is_what_was_seen(number: int, known: dict[str, Any], words: str) -> None:
    """With the reply, the port, the version."""
    assert words in said(number, **known)


def test_how_rows_arrive_is_counted_and_not_guessed() -> None:
    """From ClickHouse's own counters; without them only the engines are told."""
    from flows.core.contact.arrival import Arrival, details, verdict

    plain = [("default.cdr", "MergeTree")]
    assert verdict(database().arrival, plain) == (
        "synchronously: 200 inserts since the start, 5.0 rows each, none asynchronous; no Buffer table"
    )
    waits = database(events=[{"name": "AsyncInsertQuery", "value": 90}, {"name": "InsertQuery", "value": 100}])
    assert verdict(waits.arrival, [*plain, ("default.b", "Buffer")]) == (
        "asynchronously: 90 of the inserts since the start (100 statements in all); through 1 Buffer tables: default.b"
    )
    assert verdict(database(events=[]).arrival, plain).startswith("nothing was inserted")
    silent = Arrival({}, {"events": "not enough privileges"})
    assert verdict(silent, plain) == ""
    assert details(silent) == "events: not seen: not enough privileges"
    row = {"interface": "2", "asynchronous": "", "waits": "0", "inserts": 1200, "rows_written": 2400}
    assert "| HTTP | default | 0 | 1,200 | 2.0 |" in details(Arrival({"inserts": [row]}, {}))
