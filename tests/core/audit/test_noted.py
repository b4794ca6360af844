"""Health checks note the head of the audit log: the audit compares what they noted with the log."""

from __future__ import annotations

import json

from flows.core.audit.chain import Head, head_of, next_line
from flows.core.health.check import WORDS, Check, judged
from flows.core.health.memory import head_in, remembered, rows
from flows.core.health.questions import notes
from tests.core.cases_health import seen
from tests.core.healthy import WISH


def check(head: Head | None = None) -> Check:
    """A check of a healthy service that read this head."""
    return judged(seen(log_head=head), WISH, (), None)


def test_a_check_notes_the_head_of_the_audit_log() -> None:
    """For the audit, which compares it with the log; where there is none, or half of a line, nothing is noted."""
    line = next_line("", {"run": "r" * 200})
    told = notes({"notes": (0, f"note-file audit.log\n{line[:120]}\n{line[:64]}  -\n")})
    half = notes({"notes": (0, f"note-file audit.log\n{line[:120]}\n{'0' * 64}  -\n")})
    assert told and told.head and told.head == head_of(line)
    assert half and half.head is None
    stored = rows(check(told.head), WORDS)
    assert head_in(stored, "a check") == head_in(json.dumps(stored), "a check") == Head(1, line[:64], "a check")
    assert remembered(stored) == remembered(rows(check(), WORDS))
    for other in (rows(check(), WORDS), [], None, "x", [{"message": '{"head": "line 0 x"}'}]):
        assert head_in(other, "a check") is None
