"""A change as values: who may go on under a lock, and the words for what a step did."""

from __future__ import annotations

import json
from dataclasses import replace

from flows.core.change import ChangeLock, Outcome

LOCK = ChangeLock("run-1", "install prod", "2026-11-22 17:00:00+00:00", "http://ui", "install", "a:/d i c", "script")


PHASES: list[str] = ["preparing", "script", "unfinished"]


def test_a_run_may_go_on_under_its_own_lock() -> None:
    """However far it came, and also where its target changed."""
    for phase in PHASES:
        assert replace(LOCK, phase=phase).may_be_taken_by("run-1", "another target")


TAKEN_OVER: list[tuple[str, str, bool]] = [
    ("unfinished", "a:/d i c", True),
    ("unfinished", "a:/other i c", False),
    ("script", "a:/d i c", False),
    ("preparing", "a:/d i c", False),
]


def test_another_run_may_only_finish_the_same_unfinished_change() -> None:
    """A lock whose run may still be at work belongs to that run alone."""
    for phase, target, expected in TAKEN_OVER:
        assert replace(LOCK, phase=phase).may_be_taken_by("run-2", target) is expected


def test_a_lock_comes_back_from_its_file_as_it_was() -> None:
    """What is written on the control node is all of it."""
    lock = replace(LOCK, boot_id="b", script="run-1-1")
    assert ChangeLock(**json.loads(json.dumps(lock.as_dict()))) == lock


SAID: list[tuple[bool | None, str, str]] = [
    (True, "changed", "changed: x"),
    (False, "already so", "already so: x"),
    (None, "looked", "x"),
]


def test_an_outcome_says_whether_anything_changed() -> None:
    """A step that only looks claims neither."""
    for changed, word, said in SAID:
        outcome = Outcome("token", changed, "x")
        assert (outcome.result, str(outcome)) == (word, said)
