"""The report of a health check as Markdown: the verdict, what changed, the findings, where things go, the facts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from flows.core.addresses import covering
from flows.core.health.check import WORDS, Check
from flows.core.health.trend import DAY, Point, days_until_full, per_day, restarted, sparkline
from flows.core.installed import service
from flows.core.restore_point import newest
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish, whitelist_addresses
from flows.core.words import size, table, utc

SHOWN_DAYS = 7


def markdown(check: Check, snapshot: Snapshot, wish: Wish) -> str:
    """The whole report."""
    head = f"# Health of {check.cluster}: {check.word}\n\n**{check.message}**\n\nChecked {utc(check.time)}."
    sections = (head, _changes(check), _findings(check), _trends(check.points), _days(check.points))
    return "\n\n".join((*(text for text in sections if text), _facts(snapshot, wish))) + "\n"


def _changes(check: Check) -> str:
    if check.before is None:
        return "This is the first check that is remembered."
    said = "".join(f"\n- {change}" for change in check.changes)
    since = f"Since the check of {check.before.at}"
    return f"{since}:\n{said}" if said else f"{since} nothing has changed."


def _findings(check: Check) -> str:
    if not check.findings:
        return "## Findings\n\nNone."
    rows = [
        (f"{WORDS[f.level]}{' (lowered)' if f.lowered else ''}", f"`{f.id}`", f.message, f.hint, f.guide)
        for f in check.findings
    ]
    return "## Findings\n\n" + table(("level", "finding", "what was seen", "what to do", "guide"), rows)


def _trends(points: tuple[Point, ...]) -> str:
    if not points:
        return ""
    now, left = points[-1], days_until_full(points)
    full = f"; full in {left:.0f} days" if left is not None else ""
    rows = [
        ("free space under the data path", _said(now.free), f"{_grows(points, 'free')}{full}", _line(points, "free")),
        ("ClickHouse's log folder", _said(now.log), _grows(points, "log"), _line(points, "log")),
        ("rows", _count(now.rows), _grows(points, "rows"), _line(points, "rows")),
        ("restarts by Docker", _count(now.restarts), f"{restarted(points)} within a day", _line(points, "restarts")),
    ]
    return "## Trends\n\n" + table(("what", "now", "a day, by the last week", "the last month"), rows)


def _days(points: tuple[Point, ...]) -> str:
    """The last point of each day, with the rows that came in since that of the day before."""
    days = {int(point.time // DAY): point for point in points}
    shown = [days[day] for day in sorted(days)[-SHOWN_DAYS - 1 :]]
    if len(shown) < 2:
        return ""
    rows = [
        (
            utc(point.time)[:10],
            _count(point.rows),
            _count(None if point.rows is None or last.rows is None else point.rows - last.rows),
            _said(point.free),
        )
        for last, point in pairwise(shown)
    ]
    return "## By day\n\n" + table(("day", "rows", "new rows", "free space"), rows)


def _facts(snapshot: Snapshot, wish: Wish) -> str:
    rows = [(name, value if value else "not known") for name, value in _known(snapshot, wish)]
    return "## What was seen\n\n" + table(("", ""), rows)


def _known(snapshot: Snapshot, wish: Wish) -> Iterator[tuple[str, str]]:
    health, baseline = snapshot.health, snapshot.health.baseline if snapshot.health else None
    for container in service(snapshot.docker, wish.data_path).containers:
        state = container.health or ("running" if container.running else "not running")
        yield container.name, f"{container.image}, {state}, {container.restarts} restarts"
    if health and health.tables:
        tables = health.tables
        yield "ClickHouse", f"{tables.version}, {len(tables.tables)} tables, {health.most_parts} parts at most"
    yield "PBX", " ".join(filter(None, (snapshot.pbx.version, snapshot.pbx.private_address)))
    yield "PBX's certificate ends", utc(health.certificate_ends) if health and health.certificate_ends else ""
    yield "Whitelist entry ends", _whitelist(snapshot, wish)
    yield "Data Flow token", snapshot.pbx.token or ""
    if health and health.notes:
        run = f" ([run]({baseline.link}))" if baseline and baseline.link else ""
        yield "Last successful change", f"{baseline.kind} of {baseline.at}{run}" if baseline else "none is recorded"
    points = snapshot.restore_points
    if points is not None:
        last = newest(points)
        yield "Restore points", f"{len(points)}, the newest of {last.made}" if last else "none"


def _whitelist(snapshot: Snapshot, wish: Wish) -> str:
    rules = snapshot.pbx.ip_rules or ()
    entries = [rule for address in whitelist_addresses(wish) for rule in covering(rules, address, wish.now)]
    if not entries:
        return "" if snapshot.pbx.ip_rules is None else "there is none"
    ends = [entry.expires for entry in entries]
    return "never" if None in ends else utc(max(end for end in ends if end is not None))


def _said(count: int | None) -> str:
    return "not known" if count is None else size(count)


def _count(count: int | None) -> str:
    return "not known" if count is None else f"{count:,}"


def _grows(points: tuple[Point, ...], name: str) -> str:
    slope = per_day(points, name)
    if slope is None:
        return "not known yet"
    return f"{slope:+,.0f}" if name == "rows" else ("-" if slope < 0 else "+") + size(abs(slope))


def _line(points: tuple[Point, ...], name: str) -> str:
    return sparkline([getattr(point, name) for point in points])
