"""The rule of the maintenance window: what the order says decides what it means."""

from __future__ import annotations

from dataclasses import replace

from flows.core.change import ChangeLock, Order, OutsideWindow
from flows.core.change_state import ChangeState, Phase
from flows.core.findings import Level
from flows.core.preflight import RULES_CONTROL, RULES_REMOVE, ordered, registered
from tests.core.cases_service import SHUT
from tests.core.healthy import SNAPSHOT, wish


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
