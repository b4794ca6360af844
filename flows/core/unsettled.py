"""What reconciling has to tell beside what it did: findings about changes that are not settled."""

from __future__ import annotations

from flows.core.change_state import ChangeState
from flows.core.findings import Finding, Level
from flows.core.installed import Service
from flows.core.reconcile import Decision, Next, Standing

FINDINGS = {
    "change.left-open": Level.WARNING,
    "change.lock-broken": Level.WARNING,
    "change.not-reached": Level.WARNING,
    "change.script-asks": Level.WARNING,
    "change.service-down": Level.ERROR,
}
"""Every id that is made here, with its level."""


def seen(standing: Standing, decision: Decision) -> tuple[Finding, ...]:
    """What a person has to know beside the decision itself."""
    found = []
    if standing.left_open:
        ids = ", ".join(f"{state.kind} {state.id} ({state.phase})" for state in standing.left_open)
        hint = "Give each up with abandon=ID once you know that the service is as it should be."
        found.append(
            Finding("change.left-open", Level.WARNING, f"changes without a lock were never closed: {ids}", hint)
        )
    if standing.script == "waiting-for-input":
        hint = "Answer it on pbx01; its prompt is in the run folder's state.json: echo ANSWER > RUN_FOLDER/answer."
        found.append(Finding("change.script-asks", Level.WARNING, "the vendor's script waits for an answer", hint))
    if decision.next is Next.UNLOCK:
        hint = "Look at the service now; the change that held the lock is not finished by this."
        found.append(Finding("change.lock-broken", Level.WARNING, decision.why, hint))
    return tuple(found)


def down(why: str) -> Finding:
    """The service is down because of a change that nobody works at any more: the worst that reconciling can find."""
    hint = "Go the way back that this report names, or run reconcile-data-flow with on_failure=recover."
    return Finding("change.service-down", Level.ERROR, f"critical: {why}", hint)


def not_as_wanted(state: ChangeState, found: Service) -> Finding:
    """The service is up, but the change did not reach what it wanted."""
    running = " and ".join(container.image for container in found.containers)
    wanted = f"{state.new.pbx.reference} and {state.new.clickhouse.reference}" if state.new else ""
    hint = f"Order the {state.kind} again once the cause is settled."
    return Finding("change.not-reached", Level.WARNING, f"it runs with {running}; wanted were {wanted}", hint)
