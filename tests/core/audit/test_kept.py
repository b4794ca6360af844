"""What a run's artifact keeps comes back, as Prefect stores it, and nothing else is taken for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows.core.audit.chain import Head
from flows.core.audit.kept import head_rows, heads_kept, kept, rows
from flows.core.audit.read import lines_of
from flows.core.audit.record import as_values
from tests.core.audit.records import record
from tests.core.audit.test_chain import log

HEAD = Head(17, "a" * 64, "artifact record-prod")


def test_record_and_head_come_back() -> None:
    """As text, which is how the API stores a table, and as rows."""
    stored = rows(record(), HEAD)
    assert kept(json.dumps(stored), HEAD.where) == kept(stored, HEAD.where) == (record(), HEAD)
    assert kept(rows(record(), None), "") == (record(), None)


def test_a_copy_that_reads_like_its_line_in_the_log_is_that_record() -> None:
    """There may be thousands, which need not be read twice; an edited one is told by itself."""
    text = log(as_values(record()))
    lines = lines_of(text)
    assert kept(rows(record(), HEAD), "", lines.by_text).record is lines.records[0]
    edited = replace(record(), verdict="SAME, honestly")
    assert kept(rows(edited, HEAD), "", lines.by_text).record == edited


def test_anything_else_is_refused_in_words() -> None:
    """Somebody may edit an artifact, or keep another thing under its key."""
    first, second = rows(record(), HEAD)
    for data in (
        None,
        "[]",
        [first],
        [{**first, "value": "line x y"}, second],
        [first, {**second, "value": "{}"}],
        [1],
        "x",
    ):
        with pytest.raises(ValueError, match=r"is not what a run keeps|not the record|Expecting value|not the head"):
            kept(data, "artifact record-prod")


def test_the_heads_that_an_audit_noted_come_back() -> None:
    """One for each cluster; whatever is no such table vouches for nothing."""
    stored = head_rows([("prod", HEAD), ("lab", Head(1, "b" * 64, "elsewhere"))])
    here = [("prod", HEAD), ("lab", Head(1, "b" * 64, HEAD.where))]
    assert [*heads_kept(json.dumps(stored), HEAD.where)] == [*heads_kept(stored, HEAD.where)] == here
    assert heads_kept("x", "") == heads_kept([{}], "") == heads_kept(None, "") == ()
