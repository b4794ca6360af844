"""What a report says of approval and window, and what an approver reads above the form."""

from __future__ import annotations

from dataclasses import replace

from flows.core.change import Approval, Order, OutsideWindow
from flows.core.change_state import ChangeState
from flows.core.findings import Finding, Level
from flows.core.plan import Plan, Step
from flows.core.preflight import may_be_lowered
from flows.core.preflight.control import login_missing, python, script_missing
from flows.core.report import Report, markdown, request, summary

ORDER = Order("upgrade", "prod-eu", False, (), "Ada", "CHG-1", require_approval=True)
PLAN = Plan("upgrade", "target", (Step("replace", "dataflow.sh upgrade", True), Step("settle", "wait", False)))
OUTSIDE = Finding("change.outside-window", Level.WARNING, "it is Friday", "Wait.")
REPORT = Report(ORDER, "upgrade prod-eu 25.8 → 26.3", "http://ui/run", 1.8e9, plan=PLAN, findings=(OUTSIDE,))


def test_a_report_says_who_decided_about_which_plan() -> None:
    """With the words that were said; none is invented."""
    yes = Approval(True, "Berta", "2026-11-23 04:00:00+00:00", PLAN.hash, "go | ahead")
    row = f"| Approval | approved by Berta, 2026-11-23 04:00:00+00:00, plan `{PLAN.hash}`: go \\| ahead |"
    assert row in markdown(replace(REPORT, approval=yes))
    silent = replace(yes, approved=False, comment="")
    assert f"| Approval | rejected by Berta, {yes.when}, plan `{PLAN.hash}` |" in markdown(
        replace(REPORT, approval=silent)
    )
    assert "Approval" not in markdown(REPORT)


def test_a_report_leads_to_its_restore_point() -> None:
    """Its id and where on the server it lies; the path only where it is known."""
    state = ChangeState("c", "upgrade", "prod", "t", restore_point="20261122T210203Z-1f0c7a2b")
    known = replace(state, recorded={"DATA_PATH": "/data/"})
    point = state.restore_point
    assert f"| Restore point | `{point}` |" in markdown(replace(REPORT, change=state))
    path = f"/data/.dataflow-restore/{point}"
    assert f"| Restore point | `{point}`: `{path}` on the server |" in markdown(replace(REPORT, change=known))
    assert "Restore point" not in markdown(replace(REPORT, change=replace(state, restore_point="")))


def test_a_run_that_waits_does_not_claim_that_nothing_is_to_be_done() -> None:
    """It says for what it waits, and what it would change."""
    waiting = replace(REPORT, result="waiting for approval", waits="waiting for approval until noon")
    assert summary(waiting) == "waiting for approval until noon: nothing was changed; would change replace"
    assert markdown(waiting).startswith("# upgrade prod-eu: waiting for approval\n\nWaiting for approval until noon: ")


def test_an_urgent_change_says_who_asked_for_it() -> None:
    """What is done outside the window stands in the head of the report; what is not, too."""
    cases: tuple[tuple[OutsideWindow, bool, str], ...] = (
        ("override", False, "yes: ordered as urgent by Ada"),
        ("postpone", False, "yes: postpone"),
        ("override", True, "yes: override"),
    )
    for choice, dry_run, said in cases:
        order = replace(ORDER, outside_window=choice, dry_run=dry_run)
        assert f"| Outside the window | {said} |" in markdown(replace(REPORT, order=order))
    assert "Outside the window" not in markdown(replace(REPORT, findings=()))


def test_an_approver_reads_who_wants_what_and_what_speaks_against_it() -> None:
    """With the way to the whole report; notes stay there."""
    note = Finding("host.vpn", Level.NOTE, "a note", "none")
    waiting = replace(REPORT, waits="waiting for approval until noon", findings=(OUTSIDE, note))
    said = request(waiting, "http://ui/report")
    for part in (
        "**upgrade prod-eu 25.8 → 26.3**, requested by Ada, CHG-1.",
        "- warning: it is Friday",
        f"## Plan `{PLAN.hash}`",
        "| replace | change | dataflow.sh upgrade |",
        "(http://ui/report)",
        "It is waiting for approval until noon.",
    ):
        assert part in said
    assert "a note" not in said
    assert "No rule of the guide speaks against it." in request(replace(REPORT, findings=()), "")


def test_only_what_may_have_to_wait_needs_a_deployment() -> None:
    """A dry run waits for nobody."""
    cases = ((ORDER, True), (replace(ORDER, dry_run=True), False), (replace(ORDER, require_approval=False), False))
    assert [order.needs_deployment for order, _ in cases] == [expected for _, expected in cases]
    assert replace(ORDER, require_approval=False, outside_window="postpone").needs_deployment


def test_a_form_offers_only_what_refuses_and_may_be_lowered() -> None:
    """A warning refuses nothing, and what is fixed stays an error."""
    assert may_be_lowered(script_missing, python, login_missing) == ("control.python",)
