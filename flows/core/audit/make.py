"""Makes the record of a change from its report and from what Prefect knows of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flows.core.audit.plain import filled
from flows.core.audit.record import ChangeRecord, Found, Rows, Script, Stage, Trigger
from flows.core.change import Order
from flows.core.change_state import Image, Images
from flows.core.installed import Service
from flows.core.preflight import is_outside
from flows.core.report import Report, summary
from flows.core.script import Transcript
from flows.core.snapshot import Container
from flows.core.words import utc

TOLD_APART = frozenset({"kind", "cluster", "reason", "requested_by", "ticket"})
"""Parts of an order that have a place of their own in the record."""

OURS = ("id", "run", "cluster", "kind", "outcome", "started", "ended", "change", "digests")
"""Fields that we made up ourselves and that others join by; a password such as `22` must not make holes in them."""


@dataclass(frozen=True)
class Told:
    """What the report does not know of its run; the record tells what each is.

    `transcript` is the SHA-256 of the script's log as pbx01 tells it: of a late report we have only the last lines.
    """

    run: str
    attempt: int
    trigger: Trigger
    software: str
    late: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    transcript: str = ""


def record_of(report: Report, told: Told, mask: Callable[[str], str]) -> ChangeRecord:
    """The record of a run as its report stands now; `mask` takes secrets out of each of its texts but our own ids."""
    order, state, proof = report.order, report.change, report.proof
    made = ChangeRecord(
        id=f"{told.run}-{told.attempt}-{report.result.replace(' ', '-')}",
        run=told.run,
        cluster=order.cluster,
        kind=order.kind,
        outcome=report.result,
        started=utc(report.started),
        ended=utc(report.ended or report.started),
        attempt=told.attempt,
        change=state.id if state else "",
        name=report.run_name,
        link=report.run_link,
        reason=order.reason,
        requested_by=order.requested_by,
        ticket=order.ticket,
        trigger=told.trigger,
        approval=report.approval,
        parameters=parameters(order),
        requirements=report.requirements,
        findings=tuple(Found(f.id, str(f.level), f.message, f.lowered) for f in report.findings or ()),
        outside_window=is_outside(report.findings or ()),
        plan=report.plan.hash if report.plan else "",
        target=report.plan.target if report.plan else "",
        steps=report.plan.steps if report.plan else (),
        stages=_stages(report),
        before=state.old if state else None,
        wanted=state.new if state else None,
        after=_running(report.service, (state.old, state.new) if state else ()),
        engine_before=proof.version_before if proof else "",
        engine_after=proof.version_after if proof else report.tables.version if report.tables else "",
        rows=_rows(report),
        verdict=proof.verdict.word if proof else "",
        downtime=_rounded(report.downtime if report.downtime is not None or proof is None else proof.downtime),
        script=_script(report.transcript, told.transcript) if report.transcript else None,
        restore_point=state.restore_point if state else "",
        way_back=report.way_back,
        problem=report.problem,
        summary=summary(report),
        software=told.software,
        digests={**told.digests},
        late=told.late,
    )
    masked = filled(ChangeRecord, _masked(asdict(made), mask))
    return replace(masked, **{name: getattr(made, name) for name in OURS})


def parameters(order: Order) -> dict[str, str]:
    """What was ordered beyond the defaults, and whether it was a dry run; secrets are never parameters."""
    plain = Order("", "", False, (), "", "")
    values = {name: value for name, value in asdict(order).items() if name not in TOLD_APART}
    differing = {name: value for name, value in values.items() if name == "dry_run" or value != getattr(plain, name)}
    return {name: ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in differing.items()}


def _stages(report: Report) -> tuple[Stage, ...]:
    return tuple(
        Stage(t.step, t.outcome.result if t.outcome else "failed", t.outcome.message if t.outcome else "", s)
        for t in report.steps
        for s in (round(t.seconds, 3),)
    )


def _rows(report: Report) -> tuple[Rows, ...]:
    if report.proof is not None:
        found = report.proof.verdict.tables
        return tuple(
            Rows(t.table, t.rows_before, t.rows_after, t.grew, t.lost, str(t.word), t.why)  # one line, one table
            for t in found
        )
    return tuple(Rows(f"{t.database}.{t.name}", None, t.rows) for t in report.tables.tables) if report.tables else ()


def _script(script: Transcript, sha256: str) -> Script:
    return Script(
        script.verb,
        script.folder,
        script.exit_code,
        script.count,
        sha256,
        utc(script.started),
        utc(script.ended) if script.ended else "",
    )


def _running(service: Service | None, known: tuple[Images | None, ...]) -> Images | None:
    """The images that were seen to run at the end; None where one of the containers was not seen."""
    if service is None or service.dataflow is None or service.clickhouse is None:
        return None
    versions = {i.id: i.version for images in known if images for i in (images.pbx, images.clickhouse)}
    pbx, clickhouse = (_image(each, versions.get(each.image_id, "")) for each in (service.dataflow, service.clickhouse))
    return Images(pbx, clickhouse)


def _image(container: Container, version: str) -> Image:
    return Image(container.image, container.image_id, next(iter(container.digests), ""), version)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    """The same values as JSON has them, each text masked."""
    if isinstance(value, dict):
        return {name: _masked(each, mask) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each, mask) for each in value]
    return mask(str(value)) if isinstance(value, str) else value
