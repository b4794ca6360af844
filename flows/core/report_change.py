"""The parts of a report that only a change of a running service has: versions, downtime, proof, the way back."""

from __future__ import annotations

from flows.core.change_state import ChangeState, Image, Images
from flows.core.proof import Proof
from flows.core.words import duration, table


def proof_line(proof: Proof | None, downtime: float | None) -> str:
    """The verdict and the downtime in one sentence; "" where nothing was compared."""
    if proof is None:
        return ""
    away = "" if downtime is None else f"; ClickHouse did not answer for {duration(downtime)}"
    return f"{proof.verdict.summary}{away}"


def versions(state: ChangeState | None, proof: Proof | None) -> str:
    """What was replaced by what, with the whole digests below."""
    if state is None or state.new is None:
        return ""
    engine = (proof.version_before, proof.version_after) if proof else ("", "")
    rows = [
        ("Data Flow", *_pair(state.old, state.new, "pbx")),
        ("ClickHouse", *_pair(state.old, state.new, "clickhouse")),
        *([("ClickHouse's own word", *engine)] if proof else []),
    ]
    both = [images for images in (state.old, state.new) if images]
    named = {i.pinned: i.reference for images in both for i in (images.pbx, images.clickhouse)}
    digests = "\n".join(f"- {reference}: `{digest}`" for digest, reference in named.items())
    return "\n\n".join(("## Versions", table(("", "before", "after"), rows), digests))


def _pair(old: Images | None, new: Images, role: str) -> tuple[str, str]:
    before: Image | None = getattr(old, role) if old else None
    after: Image = getattr(new, role)
    return (_said(before) if before else "not known", _said(after))


def _said(image: Image) -> str:
    return f"{image.reference} ({image.version})" if image.version else image.reference


def proved(proof: Proof | None, downtime: float | None) -> str:
    """The table that people look for: rows of every table before and after, the verdict, and why."""
    if proof is None:
        return ""
    rows = [
        (v.table, _count(v.rows_before), _count(v.rows_after), f"{v.grew:,}", f"{v.lost:,}", str(v.word), v.why)
        for v in proof.verdict.tables
    ]
    header = ("table", "rows before", "rows after", "grew", "lost", "verdict", "why")
    return f"## Rows before and after\n\n{proof_line(proof, downtime)}.\n\n" + table(header, rows)


def _count(rows: int | None) -> str:
    return "not known" if rows is None else f"{rows:,}"


def back(state: ChangeState | None, way_back: str) -> str:
    """How the service comes back, and what is kept for that."""
    lines = [f"- {way_back}"] if way_back else []
    if state is not None and state.restore_point:
        lines.append(f"- Restore point `{state.restore_point}` was kept; rollback-data-flow puts it back.")
    if state is not None:
        lines.append(
            f"- Change `{state.id}` came to: {state.phase}. It has a folder on pbx01, below dataflow-flows/changes."
        )
    return "## The way back\n\n" + "\n".join(lines) if lines else ""
