"""Which rules apply to what was ordered: a rehearsal, a confirmation that is missing, the hour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.core.change import ChangeLock, Order, OutsideWindow
from flows.core.change_state import ChangeState, Phase
from flows.core.findings import Level
from flows.core.preflight import RULES_CONTROL, RULES_REMOVE, RULES_ROLLBACK, Rule, ordered, registered, rehearsed
from tests.core.cases_service import SHUT
from tests.core.healthy import SNAPSHOT, wish


@pytest.mark.parametrize("rules", [RULES_REMOVE, RULES_ROLLBACK], ids=["remove", "rollback"])
def test_a_rehearsal_shows_its_plan_at_any_time_and_before_anybody_confirmed(rules: tuple[Rule, ...]) -> None:
    """Only the missing confirmation and the hour become warnings; everything else refuses as in the change itself."""
    softer = [
        (rule.id, one.level) for rule, one in zip(rules, rehearsed(rules), strict=True) if one.level != rule.level
    ]
    softened = [(name.partition(".")[2], level) for name, level in softer]
    assert softened == [("not-confirmed", Level.WARNING), ("outside-window", Level.WARNING)]


def test_what_was_ordered_decides_about_the_hour() -> None:
    """Refused, noted until it is postponed, or warned of; under the lock it is too late to postpone anything."""
    window = registered()["change.outside-window"]
    order = Order("upgrade", "prod", False, (), "Ada", "")
    cases: tuple[tuple[OutsideWindow, bool, Level], ...] = (
        ("refuse", False, Level.ERROR),
        ("postpone", False, Level.NOTE),
        ("postpone", True, Level.ERROR),
        ("override", True, Level.WARNING),
    )
    for choice, locked, level in cases:
        rules = ordered(RULES_REMOVE, replace(order, outside_window=choice), locked=locked)
        assert {rule.level for rule in rules if rule.id == window.id} == {level}, choice
        assert [r for r in rules if r.id != window.id] == [r for r in RULES_REMOVE if r.id != window.id]
    # Bringing the service back is right at any time.
    assert {verb for verb, rules in RULES_CONTROL.items() if window in rules} == {"stop", "restart"}


def test_what_was_begun_may_be_finished_outside_the_window() -> None:
    """Half a change is no service; a lock alone has done nothing yet."""
    window = registered()["change.outside-window"]
    lock = ChangeLock("run-1", "h", "s", "", "upgrade", "t", "preparing")
    state = ChangeState("c", "upgrade", "prod", "t", Phase.STOPPING)
    cases = (
        (SNAPSHOT, True),
        (replace(SNAPSHOT, lock=lock), True),
        (replace(SNAPSHOT, lock=lock, unfinished=state), False),
        (replace(SNAPSHOT, lock=replace(lock, phase="script")), False),
        (replace(SNAPSHOT, lock=replace(lock, phase="unfinished")), False),
    )
    for snapshot, refused in cases:
        assert bool(window(snapshot, wish(window=SHUT, run="run-1"))) is refused
