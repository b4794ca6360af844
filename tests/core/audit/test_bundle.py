"""The proof bundle: unaltered as it was made, and every file that somebody touches is named."""

from __future__ import annotations

import json

import pytest

from flows.core.audit.bundle import HEADS, LOG, RECORD, TRANSCRIPT, bundle, check
from flows.core.audit.chain import Head
from flows.core.audit.record import as_values
from tests.core.audit.records import KEPT, past, record
from tests.core.audit.test_chain import log

MINE = record()
TEXT = log(as_values(past("a")), as_values(MINE), as_values(past("b")), as_values(past("c")))
HASH = TEXT.splitlines()[2][:64]
ELSEWHERE = Head(3, HASH, "the health check of Monday")
FILES = bundle(MINE, KEPT, TEXT, [ELSEWHERE])


def test_a_bundle_that_nobody_touched_is_unaltered() -> None:
    """And says which hash is to be compared; without one it says that, too."""
    checked = check(FILES)
    assert checked.summary == (f"unaltered\nline 3 must have the hash {HASH}, as the health check of Monday tells")
    lonely = check(bundle(MINE, KEPT, TEXT, []))
    assert lonely.altered == ()
    assert "no hash that was noted elsewhere vouches for this: compare line 4" in lonely.summary


def test_a_bundle_takes_no_more_of_the_log_than_it_needs() -> None:
    """The records of other runs are nobody's business but for the lines that lead to a known hash."""
    assert [line.count('"run":"run-1"') + line.count('"run":"b"') for line in FILES[LOG].splitlines()] == [1, 1]
    assert len(bundle(MINE, KEPT, TEXT, [])[LOG].splitlines()) == 3


def test_whatever_is_altered_is_named() -> None:
    """Each file in turn: changed, taken away, added."""
    line = FILES[LOG].splitlines(keepends=True)
    other = FILES[RECORD].replace("CHG-1", "CHG-2")
    forged = log(as_values(past("a")), as_values(MINE), as_values(past("x"))).splitlines(keepends=True)
    cases: list[tuple[dict[str, str], str]] = [
        ({RECORD: other}, "record.json and log.txt tell different things: ticket"),
        ({RECORD: other, LOG: FILES[LOG].replace("CHG-1", "CHG-2")}, "line 2: edited"),
        ({LOG: line[0]}, "log.txt, line 3: cut off"),
        ({LOG: line[1]}, "log.txt does not hold the record"),
        ({LOG: line[0] + forged[2]}, "log.txt, lines 2 to 3: written anew"),
        ({LOG: ""}, "log.txt does not hold the record"),
        ({"report.md": "# nothing happened\n"}, "report.md is not the one that the record was made with"),
        ({TRANSCRIPT: "begin\n"}, "transcript.log is not the one"),
        ({"extra.md": "x"}, "extra.md was added"),
        ({RECORD: "{"}, "cannot be read"),
        ({HEADS: "[1]"}, "cannot be read"),
        ({HEADS: FILES[HEADS].replace(HASH, "0" * 64)}, "noted with another hash"),
    ]
    for changed, said in cases:
        assert any(said in each for each in check({**FILES, **changed}).altered), (changed, said)
    for name in FILES:
        assert check({key: text for key, text in FILES.items() if key != name}).altered == (f"{name} is missing",)


def test_a_bundle_is_made_only_of_what_the_log_holds() -> None:
    """Else there is nothing that proves it."""
    with pytest.raises(ValueError, match="the log holds no record"):
        bundle(past("nobody"), KEPT, TEXT, [])
    assert json.loads(FILES[HEADS]) == {
        "first": 2,
        "heads": [{"number": 3, "hash": HASH, "where": "the health check of Monday"}],
    }
