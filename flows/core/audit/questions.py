"""What auditors ask, as functions of the past: each answer names the runs that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flows.core.audit.ending import End
from flows.core.audit.history import Past
from flows.core.audit.record import ChangeRecord
from flows.core.change_state import Image, Images
from flows.core.window import Window, is_open

BROUGHT = frozenset({End.DONE, End.SETTLED_LATE})
"""Endings after which the change that was ordered is there."""


@dataclass(frozen=True)
class Ran:
    """Versions that a cluster was seen to run: from when (seconds since 1970), and by which run that is known."""

    cluster: str
    since: float
    pbx: str
    clickhouse: str
    run: Past


def chosen(
    past: Iterable[Past],
    *,
    clusters: Iterable[str] = (),
    kinds: Iterable[str] = (),
    ends: Iterable[str] = (),
    since: float = 0.0,
    until: float = float("inf"),
) -> tuple[Past, ...]:
    """Those of these clusters, kinds and endings (none given: all) that began from `since` to before `until`."""
    wanted = [({*clusters}, "cluster"), ({*kinds}, "kind")]
    named = [each for each in past if all(not names or getattr(each, name) in names for names, name in wanted)]
    words = {*ends}
    return tuple(p for p in named if since <= p.started < until and (not words or p.ending.word in words))


def last_upgrades(past: Iterable[Past]) -> dict[str, Past | None]:
    """The last upgrade of every cluster that was done; None for a cluster that never had one."""
    found: dict[str, Past | None] = {}
    for each in past:
        found.setdefault(each.cluster, None)
        # An upgrade that found nothing to do changed nothing.
        if each.kind == "upgrade" and each.ending.word in BROUGHT and each.record and each.record.changed:
            found[each.cluster] = each
    return found


def with_lowered(past: Iterable[Past]) -> tuple[tuple[Past, tuple[str, ...]], ...]:
    """Every run in which somebody answered for findings that would have refused it, with their ids."""
    found = ((each, {found.id for record in each.records for found in record.lowered}) for each in past)
    return tuple((each, tuple(sorted(ids))) for each, ids in found if ids)


def longest_downtimes(past: Iterable[Past], most: int = 10) -> tuple[tuple[Past, float], ...]:
    """The runs in which ClickHouse did not answer for longest, and for how many seconds."""
    measured = ((each, [r.downtime for r in each.records if r.downtime is not None]) for each in past)
    found = [(each, max(seconds)) for each, seconds in measured if seconds]
    return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0].started))[:most])


def versions(past: Iterable[Past], cluster: str = "") -> tuple[Ran, ...]:
    """Every version that a cluster (all, where none is named) ever ran, each from when it was first seen."""
    latest: dict[str, tuple[str, str]] = {}
    found = []
    for each in past:
        if cluster and each.cluster != cluster:
            continue
        for images, ran in _seen(each):
            # A tag can be written in several ways, and can move: the id tells whether it is another image.
            ids = (images.pbx.id or ran.pbx, images.clickhouse.id or ran.clickhouse)
            if latest.get(ran.cluster) != ids:
                latest[ran.cluster] = ids
                found.append(ran)
    return tuple(found)


def outside_window(past: Iterable[Past], windows: Mapping[str, Window] | None = None) -> tuple[tuple[Past, str], ...]:
    """Changes that were made outside the maintenance window, and by whose word.

    The record knows the window of its time; a run that left none is judged by `windows`, those of today.
    """
    return tuple((each, why) for each in past if (why := _outside(each, windows or {})))


def _outside(past: Past, windows: Mapping[str, Window]) -> str:
    record = past.record
    if record is not None:
        if not (record.outside_window and record.changed):
            return ""
        return f"{record.parameters.get('outside_window', 'refuse')}, by {record.requested_by or 'nobody named'}"
    window = windows.get(past.cluster)
    # A run without a record that never began, or that Prefect says did not get far, may have done nothing.
    began = past.run is not None and past.run.started is not None and past.kind != "reconcile"
    if (
        window is None
        or not began
        or past.ending.word in (End.COLLISION, End.NOT_VALID)
        or is_open(window, past.started)
    ):
        return ""
    return "it left no record; by the window of today"


def _seen(past: Past) -> Iterator[tuple[Images, Ran]]:
    """What ran before a run, and what ran after it, where its records tell; a dry run tells nothing."""
    for record in past.records:
        if record.before:
            yield record.before, Ran(past.cluster, past.started, *_names(record.before, record.engine_before), past)
        if after := _after(record):
            yield after, Ran(past.cluster, past.ended or past.started, *_names(after, record.engine_after), past)


def _after(record: ChangeRecord) -> Images | None:
    """What was seen; where nobody looked, but the change was done, what was ordered."""
    return record.after or (record.wanted if record.outcome == "done" else None)


def _names(images: Images, engine: str) -> tuple[str, str]:
    return _name(images.pbx, ""), _name(images.clickhouse, engine)


def _name(image: Image, engine: str) -> str:
    """The version that the engine or the image tells, else the reference; ids alone tell a person nothing."""
    version = engine or image.version
    return f"{image.reference} ({version})" if version and version not in image.reference else image.reference
