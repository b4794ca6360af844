"""Drift: what was true when the containers were made against what is true now (the guide's three notes, and more)."""

from __future__ import annotations

from collections.abc import Iterable

from flows.core.baseline import Baseline, address
from flows.core.findings import Finding, Level
from flows.core.health.service import at_work, found, health
from flows.core.preflight.rule import known, of, rule
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

NOTES = "Operational Notes"
RECREATE = "Run recreate-data-flow; it keeps the data."
LOOK = "Find out who changed it and why; the next change by these flows records what is true then."


def _baseline(snapshot: Snapshot) -> Baseline | None:
    """The record of the last change; None where there is none. Raises Unknown where it could not be read."""
    of(snapshot.control, health(snapshot).notes or None, "what the last change recorded")
    return health(snapshot).baseline


def _reference(snapshot: Snapshot, wish: Wish) -> Baseline | None:
    """The record, where the containers are still those that it was made for."""
    baseline = _baseline(snapshot)
    found(snapshot, wish)  # unknown containers are not other ones
    return baseline if baseline is not None and baseline.made(snapshot.docker) else None


def _differs(what: str, before: str, now: str | None, why: str = "") -> str | None:
    """A sentence when both are known and differ; what the last change could not learn is no drift."""
    if not before:
        return None
    seen = known(now or None, f"{what}{f' ({why})' if why else ''}")
    return None if seen == before else f"{what} is {seen}; it was {before} when the containers were made"


@rule(
    "drift.no-baseline",
    level=Level.NOTE,
    hint="Nothing to do: the next install, upgrade, recreate or rollback by these flows records it.",
    guide=NOTES,
)
def no_baseline(snapshot: Snapshot, wish: Wish) -> str | None:
    """The existing instance must be deleted and recreated when … (which needs to know what was true before)."""
    baseline = _baseline(snapshot)
    if baseline is None:
        return "no change has recorded yet what was true, so nothing is compared with it"
    if _reference(snapshot, wish) is None and found(snapshot, wish).containers:
        return f"the containers are not those that the {baseline.kind} of {baseline.at} made"
    return None


@rule("drift.pbx-address", hint=RECREATE, guide=NOTES)
def pbx_address(snapshot: Snapshot, wish: Wish) -> str | None:
    """If the PBX IP address changes, you must delete and recreate the existing Data Flow Docker instance."""
    baseline = _reference(snapshot, wish)
    if baseline is None:
        return None
    return _differs("the PBX's address", baseline.pbx_address, address(snapshot.pbx), snapshot.pbx.trouble)


@rule("drift.token", hint=RECREATE, guide=NOTES)
def token(snapshot: Snapshot, wish: Wish) -> str | None:
    """If a new authentication token is generated, the Data Flow Docker instance must be deleted and recreated."""
    baseline = _reference(snapshot, wish)
    if baseline is None or snapshot.pbx.token == "absent" or (wish.token_by_hand and not snapshot.pbx.token_hash):
        return None  # that there is none is a finding of its own
    why = snapshot.pbx.token_trouble or snapshot.pbx.trouble
    return _differs("the hash of the Data Flow token", baseline.token, snapshot.pbx.token_hash, why)


@rule("drift.pbx-version", hint=f"{RECREATE[:-1]}, or upgrade-data-flow to the image of that release.", guide=NOTES)
def pbx_version(snapshot: Snapshot, wish: Wish) -> str | None:
    """After upgrading the PBX to a new version, you must remove and recreate the Data Flow Docker instance."""
    baseline = _reference(snapshot, wish)
    if baseline is None:
        return None
    return _differs("the PBX's version", baseline.pbx_version, snapshot.pbx.version, snapshot.pbx.trouble)


@rule("drift.image", level=Level.WARNING, hint=LOOK, guide=NOTES)
def image(snapshot: Snapshot, wish: Wish) -> str | None:
    """upgrade - Upgrade the data flow service (and nothing else replaces its images)."""
    baseline, there = _baseline(snapshot), found(snapshot, wish)
    if baseline is None or at_work(snapshot, wish):
        return None
    pairs = ((there.dataflow, baseline.pbx_image), (there.clickhouse, baseline.clickhouse_image))
    other = [
        f"{container.name} was made of {container.image_id[:19]}, the {baseline.kind} of {baseline.at} left {was[:19]}"
        for container, was in pairs
        if container is not None and was and container.image_id != was
    ]
    return "; ".join(other) or None


@rule("drift.data-path", hint=LOOK, guide="Step 5")
def data_path(snapshot: Snapshot, wish: Wish) -> str | None:
    """-p: Path for storing Data Flow and ClickHouse data (the one of the last change)."""
    baseline = _baseline(snapshot)
    if baseline is None or baseline.data_path == wish.data_path:
        return None
    return f"the block says {wish.data_path}; the {baseline.kind} of {baseline.at} used {baseline.data_path}"


@rule(
    "drift.server-uuid",
    hint="ClickHouse runs on another data folder than before: is the data volume mounted? Stop the service before more "
    "is written there.",
    guide="Step 5",
)
def server_uuid(snapshot: Snapshot, wish: Wish) -> str | None:
    """-p: Path for storing Data Flow and ClickHouse data (the very folder that was there)."""
    baseline, tables = _baseline(snapshot), health(snapshot).tables
    if baseline is None or not baseline.server_uuid or health(snapshot).gate:
        return None  # a ClickHouse that is not ready is a finding of its own
    clickhouse = found(snapshot, wish).clickhouse
    if clickhouse is None or not clickhouse.running:
        return None
    now = known(tables, "which data folder ClickHouse works on").server_uuid
    return _differs("the identity of ClickHouse's data folder", baseline.server_uuid, now)


RULES = (no_baseline, pbx_address, token, pbx_version, image, data_path, server_uuid)


def positive(findings: Iterable[Finding]) -> frozenset[str]:
    """The kinds of drift that were really seen: `token`, `pbx-version`; what could not be learned is not among them."""
    return frozenset(kind for kind, sure in _kinds(findings) if sure)


def unsure(findings: Iterable[Finding]) -> frozenset[str]:
    """The kinds of drift that could not be judged."""
    return frozenset(kind for kind, sure in _kinds(findings) if not sure)


def _kinds(findings: Iterable[Finding]) -> list[tuple[str, bool]]:
    return [
        (finding.id.partition(".")[2], not finding.message.startswith("unknown:"))
        for finding in findings
        if finding.id.startswith("drift.") and finding.id != no_baseline.id
    ]
