"""The report of a run as Markdown: what was found, planned, done and seen, in that order (promise P6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flows.core.change import Approval, Order, Outcome
from flows.core.change_state import ChangeState
from flows.core.findings import Finding, Level
from flows.core.installed import Service
from flows.core.plan import Plan
from flows.core.preflight import is_outside
from flows.core.proof import Proof
from flows.core.report_change import back, proof_line, proved, versions
from flows.core.restore_point import folder
from flows.core.script import Transcript
from flows.core.tables import Tables
from flows.core.words import duration, size, table, utc

LAST_LINES = 25
"""Lines of the transcript that the report shows; the whole one stays on the control node."""


@dataclass(frozen=True)
class Timed:
    """A step's outcome with the seconds that it took; `outcome` is `None` when it failed."""

    step: str
    outcome: Outcome | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """What a run knows about itself so far; a run that ends early leaves the rest empty."""

    order: Order
    run_name: str
    run_link: str
    started: float
    requirements: str = ""
    findings: tuple[Finding, ...] | None = None
    plan: Plan | None = None
    steps: tuple[Timed, ...] = ()
    transcript: Transcript | None = None
    service: Service | None = None
    tables: Tables | None = None
    ended: float | None = None
    result: str = "running"
    problem: str = ""
    lock: str = ""
    change: ChangeState | None = None
    proof: Proof | None = None
    downtime: float | None = None  # seconds in which ClickHouse did not answer, as the watch saw it
    way_back: str = ""
    points: str = ""  # the restore points that are kept, as a table
    approval: Approval | None = None
    rehearsal: str = ""  # what it took and what would not go back, as Markdown
    waits: str = ""  # for what a run waits that did nothing yet


def markdown(report: Report) -> str:
    """The whole report."""
    sections = (
        _head(report),
        proved(report.proof, report.downtime),
        f"## Rehearsal\n\n{report.rehearsal}" if report.rehearsal else "",
        back(report.change, report.way_back) if report.problem else "",
        _steps(report),
        _findings(report),
        _plan(report),
        versions(report.change, report.proof),
        f"## Restore points\n\n{report.points}" if report.points else "",
        _service(report),
        _rows(report),
    )
    return "\n\n".join(section for section in (*sections, _script(report)) if section) + "\n"


def request(report: Report, link: str) -> str:
    """What stands above the form for an approval: who wants what, what speaks against it, the plan, and the report."""
    order = report.order
    asked = ", ".join(filter(None, (f"requested by {order.requested_by}", order.ticket, order.reason)))
    found = [f"- {f.level}: {f.message}" for f in report.findings or () if f.level is not Level.NOTE]
    said = "\n".join(found) or "No rule of the guide speaks against it."
    whole = f"[The whole report]({link}) of this run tells all findings. It is {report.waits}."
    return "\n\n".join((f"**{report.run_name}**, {asked}.", said, _plan(report), whole))


def summary(report: Report) -> str:
    """One line for the run's state: what changed, what was seen."""
    changed = [t.step for t in report.steps if t.outcome and t.outcome.changed]
    if report.order.dry_run or report.waits:
        would = [s.task for s in report.plan.steps if s.changes] if report.plan else []
        return f"{report.waits or 'dry run'}: nothing was changed; would change " + (", ".join(would) or "nothing")
    text = f"changed: {', '.join(changed)}" if changed else "nothing to change: everything was already so"
    if report.tables is not None:
        text += f"; {len(report.tables.tables)} tables, {report.tables.rows:,} rows"
    said = proof_line(report.proof, report.downtime)
    return f"{text}; {said}" if said else text


def _head(report: Report) -> str:
    order, ended = report.order, report.ended or report.started
    facts = [
        ("Cluster", order.cluster),
        ("Requested by", order.requested_by or "not said"),
        ("Ticket", order.ticket or "none"),
        *([("Reason", order.reason)] if order.reason else []),
        *([("Approval", str(report.approval))] if report.approval else []),
        *([("Outside the window", _urgent(order))] if is_outside(report.findings or ()) else []),
        ("Run", f"[{report.run_name}]({report.run_link})" if report.run_link else report.run_name),
        ("Started", utc(report.started)),
        ("Ended", f"{utc(ended)} (after {duration(ended - report.started)})"),
        *([("Judged by", report.requirements)] if report.requirements else []),
        *([("Lock", report.lock)] if report.lock else []),
        *([("Restore point", _point(report.change))] if report.change and report.change.restore_point else []),
    ]
    title = f"# {order.kind} {order.cluster}: {report.result}"
    said = (
        f"**What went wrong:** {report.problem}"
        if report.problem
        else f"{summary(report)[0].upper()}{summary(report)[1:]}."
    )
    return "\n\n".join((title, said, table(("", ""), facts)))


def _point(state: ChangeState) -> str:
    path = state.recorded.get("DATA_PATH")
    return f"`{state.restore_point}`" + (f": `{folder(path, state.restore_point)}` on the server" if path else "")


def _urgent(order: Order) -> str:
    if order.outside_window == "override" and not order.dry_run:
        return f"yes: ordered as urgent by {order.requested_by or 'nobody named'}"
    return f"yes: {order.outside_window}"


def _steps(report: Report) -> str:
    if not report.steps:
        return ""
    rows = [
        (
            t.step,
            t.outcome.result if t.outcome else "**failed**",
            t.outcome.message if t.outcome else "see above",
            duration(t.seconds).replace(" ", "\N{NO-BREAK SPACE}"),  # the UI breaks lines in its narrow column
        )
        for t in report.steps
    ]
    return "## Steps\n\n" + table(("step", "result", "what", "took"), rows)


def _findings(report: Report) -> str:
    if report.findings is None:
        return ""
    order = list(Level)
    found = sorted(report.findings, key=lambda f: (order.index(f.level), f.id))
    if not found:
        return "## Preflight\n\nEvery rule of the guide is met."
    rows = [(f"{f.level}{' (lowered)' if f.lowered else ''}", f"`{f.id}`", f.message, f.hint, f.guide) for f in found]
    return "## Preflight\n\n" + table(("level", "finding", "what was seen", "what to do", "guide"), rows)


def _plan(report: Report) -> str:
    if report.plan is None:
        return ""
    rows = [(s.task, "change" if s.changes else "no change", s.title) for s in report.plan.steps]
    head = f"## Plan `{report.plan.hash}`\n\nTarget: `{report.plan.target}`\n\n"
    return head + table(("step", "plan", "what"), rows)


def _service(report: Report) -> str:
    if report.service is None or not report.service.containers:
        return ""
    containers = report.service.containers
    rows = [(c.name, c.image, c.health or "no check", c.restarts) for c in containers]
    # A digest does not fit into a column of a page.
    digests = [f"- {c.name}: `{', '.join(c.digests) or c.image_id}`" for c in containers]
    return "\n\n".join(("## Service", table(("container", "image", "health", "restarts"), rows), "\n".join(digests)))


def _rows(report: Report) -> str:
    if report.tables is None:
        return ""
    head = f"## Rows\n\nClickHouse {report.tables.version}, data folder `{report.tables.server_uuid}`, "
    head += f"{report.tables.rows:,} rows in {len(report.tables.tables)} tables.\n\n"
    rows = [
        (
            f"{t.database}.{t.name}",
            t.engine,
            "not known" if t.rows is None else f"{t.rows:,}",
            size(t.bytes),
            t.parts,
        )
        for t in report.tables.tables
    ]
    return head + table(("table", "engine", "rows", "on disk", "parts"), rows)


def _script(report: Report) -> str:
    script = report.transcript
    if script is None:
        return ""
    took = duration(script.ended - script.started) if script.ended else "not ended"
    code = "no exit code" if script.exit_code is None else f"exit code {script.exit_code}"
    head = f"## Script\n\n`{script.verb}` on pbx01: {code}, {took}. "
    head += f"The whole transcript ({script.count:,} lines, secrets masked) is `{script.folder}/log` on pbx01.\n\n"
    lines = script.lines[-LAST_LINES:]
    # Longer than any that the script itself printed.
    fence = "`" * max(3, *(len(run) + 1 for line in lines for run in re.findall("`+", line)), 0)
    return f"{head}{fence}text\n" + "\n".join(lines) + f"\n{fence}"
