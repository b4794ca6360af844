"""A health check as values: what is critical, what is not known, what changed, what is told once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from flows.core import baseline
from flows.core.findings import Level
from flows.core.health.check import WORDS, Check, judged
from flows.core.health.memory import Memory, remembered, rows
from flows.core.health.questions import notes
from flows.core.health.report import markdown
from flows.core.health.rules import RULES_HEALTH
from flows.core.health.seen import Health
from flows.core.health.trend import Point, days_until_full, per_day, restarted, sparkline, thinned
from flows.core.preflight.rule import registered
from flows.core.snapshot import DockerFacts, PbxFacts, Snapshot
from tests.core.cases_health import BASELINE, DOWN, FOREIGN, HEALTHY, LOCK, STOP, containers, on_pbx, seen
from tests.core.healthy import DAY, GIB, NOW, WISH, ip_rule
from tests.core.test_preflight import NOTHING

NAMED = replace(WISH, cluster="prod")


def check(snapshot: Snapshot, before: Check | None = None, lowered: tuple[str, ...] = ()) -> Check:
    """Judge it, after an earlier check that was stored and read again."""
    return judged(snapshot, NAMED, lowered, memory(before) if before else None)


def memory(of: Check) -> Memory:
    """What the next check reads of this one."""
    found = remembered(rows(of, WORDS))
    assert found is not None
    return found


def test_a_healthy_service_is_ok() -> None:
    """No rule finds anything, not even a note."""
    seen_now = check(HEALTHY)
    assert (seen_now.findings, seen_now.word, seen_now.notices()) == ((), "ok", ())


def test_what_could_not_be_learned_is_never_a_pass() -> None:
    """Where nothing answers, every rule that has an error or a warning to give gives it, at its own level."""
    blind = replace(NOTHING, health=Health(), pbx=PbxFacts(reached=False, trouble="no answer"), docker=DockerFacts())
    levels = {finding.id: finding.level for finding in check(blind).findings}
    # These two say what the PBX answered; `pbx.unreachable` and `pbx.token-unknown` say that it did not.
    silent = {"pbx.token-missing", "pbx.token-not-generated"}
    # No trend yet is no trouble; two others could be judged only if something had been seen.
    silent |= {"health.restarted"}
    wanted = {rule.id: rule.level for rule in RULES_HEALTH if rule.id not in silent}
    assert levels == wanted


def test_what_explains_a_service_that_is_down_makes_it_a_note() -> None:
    """An ordered stop and a change at work; an unfinished change or one of yesterday explains nothing."""
    cases = (
        (containers(*DOWN, known_stop=STOP), "ok"),
        (containers(*DOWN, known_stop=replace(STOP, containers=("other",))), "critical"),
        (containers(lock=LOCK), "ok"),
        (containers(*DOWN, lock=replace(LOCK, phase="unfinished")), "critical"),
    )
    for snapshot, word in cases:
        health = replace(snapshot.health or Health(), gate=None, tables=None, most_parts=None, set_aside=None)
        assert check(replace(snapshot, health=health)).word == word, snapshot.lock


def test_silent_at_the_edges() -> None:
    """What is just good enough, not asked for, or said by another finding, is no finding."""
    fine = (
        ("health.disk-low", seen(inodes=(0, 0))),  # counted by none
        ("health.restarted", seen(trend=(Point(int(NOW - 2 * DAY), restarts=1), Point(int(NOW), restarts=3)))),
        ("health.restarted", seen(trend=(Point(int(NOW - 60), restarts=5), Point(int(NOW), restarts=0)))),
        ("pbx.whitelist-missing", on_pbx(ip_rules=(ip_rule("192.168.1.26", days=20),))),
        ("health.image-version", on_pbx(version="22.8.0.9999")),
        ("drift.token", on_pbx(token="absent", token_hash="")),
        ("drift.token", containers(*FOREIGN, pbx=replace(HEALTHY.pbx, token_hash="bbbbbbbbbbbb"))),
        ("drift.image", containers(*FOREIGN, lock=LOCK)),
        ("drift.token", seen(baseline=replace(BASELINE, token=""))),
        ("drift.server-uuid", seen(gate="still loading", tables=None)),
    )
    for name, snapshot in fine:
        assert name not in {finding.id for finding in check(snapshot).findings}, name


def test_a_lowered_finding_warns_and_a_slip_is_told() -> None:
    """The parameter names ids; one that no rule has gets a warning of its own."""
    ended = seen(certificate_ends=NOW - DAY)
    lowered = check(ended, lowered=("health.certificate-ended", "health.no-such"))
    assert (check(ended).word, lowered.word) == ("critical", "warning")
    assert {f.id for f in lowered.findings} == {"health.certificate-ended", "preflight.unknown-lowered-id"}


def test_the_message_is_one_line_that_names_the_worst() -> None:
    """With how many more there are; notes are only counted."""
    assert check(HEALTHY).message == "ok: no critical, no warning, no note"
    both = check(on_pbx(version="22.9.0", private_address="10.0.0.1"))
    assert both.message.startswith("critical: health.image-version: the PBX runs 22.9.0")
    assert both.message.endswith("(and 2 more: drift.pbx-address, drift.pbx-version)")
    assert (
        check(seen(set_aside=1)).message == "warning: health.parts-set-aside: ClickHouse has set 1 broken parts aside"
    )


def test_events_are_told_on_a_transition_only() -> None:
    """From ok to critical, to warning, and back; the same again says nothing; before the first check all was well."""
    steps = (
        (HEALTHY, []),
        (seen(gate="down"), ["dataflow.health.critical"]),
        (seen(gate="down, in other words"), []),
        (seen(set_aside=1), ["dataflow.health.warning"]),
        (HEALTHY, ["dataflow.health.ok"]),
        (HEALTHY, []),
        (on_pbx(token_hash="b" * 12), ["dataflow.health.critical", "dataflow.drift.token"]),
        (on_pbx(token_hash="c" * 12), []),
        (on_pbx(token_hash="b" * 12, version="22.9.0"), ["dataflow.drift.pbx-version"]),
    )
    last: Check | None = None
    for number, (snapshot, events) in enumerate(steps):
        last = check(snapshot, last)
        assert [notice.event for notice in last.notices()] == events, number
    assert [n.event for n in check(seen(gate="down")).notices()] == ["dataflow.health.critical"]


def test_drift_that_cannot_be_judged_for_a_while_is_not_told_twice() -> None:
    """And what could not be learned is no drift: nobody recreates a service because the PBX was away."""
    drifted, away = on_pbx(version="22.9.0"), replace(HEALTHY, pbx=PbxFacts(reached=False, trouble="no answer"))
    unsure = check(away)
    assert not [n for n in unsure.notices() if n.event.startswith("dataflow.drift")]
    first = check(drifted)
    again = check(drifted, check(away, first))
    assert [n.event for n in first.notices()] == ["dataflow.health.critical", "dataflow.drift.pbx-version"]
    assert again.notices() == ()
    back = check(drifted, check(HEALTHY, again))
    assert "dataflow.drift.pbx-version" in [n.event for n in back.notices()]


def test_what_changed_since_the_last_check_is_told() -> None:
    """New, gone, and of another level."""
    first = check(seen(set_aside=1, certificate_ends=NOW - 1))
    second = check(seen(gate="down", certificate_ends=NOW - 1), first, ("health.certificate-ended",))
    assert second.changes == (
        "new: `health.clickhouse-not-ready` (critical)",
        "`health.certificate-ended`: critical → warning",
        "gone: `health.parts-set-aside` (was warning)",
    )
    assert check(HEALTHY, check(HEALTHY)).changes == ()


NO_MEMORIES: list[Any] = [None, [], "no JSON", [{"id": "trend"}], '[{"id":"x","level":"","message":"{}"}]']


def test_a_memory_that_makes_no_sense_is_none() -> None:
    """A damaged or foreign artifact must not end a check."""
    for data in NO_MEMORIES:
        assert remembered(data) is None


def test_the_trend_is_bounded_and_keeps_the_newest() -> None:
    """Checks of forty days leave one point an hour of the last day, and one a day of the last month."""
    points: tuple[Point, ...] = ()
    for number in (*range(0, 38 * 288, 48), *range(38 * 288, 40 * 288, 7)):
        points = thinned((*points, Point(int(NOW) + number * 300, free=number)), NOW + number * 300)
    assert points[-1].free == number
    assert 50 <= len(points) <= 58
    assert all(one.time < other.time for one, other in pairwise(points))


def test_a_restart_within_the_hour_is_seen() -> None:
    """Checks a few minutes apart, from the very first one on; the day after it is over."""
    points: tuple[Point, ...] = ()
    for minute, restarts in ((0, 0), (5, 0), (10, 2), (15, 2)):
        time = int(NOW) + minute * 60
        points = thinned((*points, Point(time, restarts=restarts)), time)
    assert restarted(points) == 2
    late = int(NOW + 1.5 * DAY)
    assert restarted(thinned((*points, Point(late, restarts=2)), late)) == 0


def test_where_the_disk_goes_is_reckoned_from_the_last_week() -> None:
    """A least-squares line; nothing is foretold from less than six hours, nor from a disk that empties."""
    down = tuple(Point(int(NOW + n * DAY), free=(100 - 10 * n) * GIB) for n in range(5))
    assert days_until_full(down) == pytest.approx(6)
    assert days_until_full(down[::-1]) is None or per_day(down, "free") == pytest.approx(-10 * GIB)
    assert days_until_full((down[0], replace(down[1], time=down[0].time + 600))) is None
    assert days_until_full(tuple(replace(p, free=n * GIB) for n, p in enumerate(down))) is None
    assert per_day((), "free") is None
    assert restarted(()) == 0
    assert (sparkline([0, None, 7]), sparkline([3, 3]), sparkline([None])) == ("▁ █", "▁▁", "")


def test_the_report_shows_findings_changes_and_days() -> None:
    """And what is not known is said to be so."""
    trend = tuple(Point(int(NOW - n * DAY), 400 * GIB, GIB, 1000 - 100 * n, 0) for n in (2, 1, 0))
    text = markdown(check(seen(set_aside=1, trend=trend), check(HEALTHY)), seen(trend=trend), NAMED)
    assert text.startswith("# Health of prod: warning\n\n**warning: health.parts-set-aside:")
    assert "- new: `health.parts-set-aside` (warning)" in text
    assert "| rows | 1,000 | +100 | ▁▄█ |" in text
    assert "| 2027-01-15 | 1,000 | 100 | 400.0 GiB |" in text
    assert "| Last successful change | install of 2027-01-01 00:00:00+00:00 ([run](http://prefect/1)) |" in text
    blind = replace(NOTHING, health=Health(), docker=DockerFacts())
    assert "| PBX's certificate ends | not known |" in markdown(check(blind), blind, NAMED)


def test_a_baseline_is_read_as_it_was_written_and_nothing_else() -> None:
    """A newer or foreign text is refused."""
    text = baseline.as_json(BASELINE)
    assert baseline.from_json(text) == BASELINE
    for other in ("[]", "{}", text.replace('"version": 1', '"version": 2')):
        with pytest.raises(ValueError, match="not a record"):
            baseline.from_json(other)


def test_the_notes_of_the_control_node_are_read_together() -> None:
    """Nothing there, all there, a state that only a newer version can read, and a lock that nobody can."""
    state = '{"version": 1, "id": "c", "kind": "upgrade", "cluster": "prod", "target": "t", "phase": "script"}'
    all_of_it = (
        'note-file change.lock\n{"run": "r", "holder": "h", "since": "s", "link": "l", "kind": "upgrade", '
        f'"target": "t", "phase": "script", "change": "d"}}\nnote-file baseline.json\n{baseline.as_json(BASELINE)}\n'
        f"\nnote-file state\n{state}\n"
    )
    nothing, everything = notes({"notes": (0, "")}), notes({"notes": (0, all_of_it)})
    newer = notes({"notes": (0, all_of_it.replace('"version": 1, "id"', '"version": 9, "id"'))})
    assert nothing is not None and (nothing.lock, nothing.baseline, nothing.left_open) == (None, None, ())
    assert everything is not None and everything.baseline == BASELINE
    assert [each.id for each in everything.left_open or ()] == ["c"]
    assert newer is not None and newer.left_open is None and newer.lock is not None
    assert notes({"notes": (0, "note-file change.lock\nnonsense\n")}) is None
    assert notes({"notes": (1, "")}) is None


def test_the_levels_of_health_are_documented_where_they_differ() -> None:
    """A rule that matters more or less to a health check than elsewhere."""
    moved = {rule.id for rule in RULES_HEALTH if rule.level is not registered()[rule.id].level}
    assert moved == {"pbx.token-missing", "host.clock", "host.clock-skew"}
    assert all(rule.level in (Level.ERROR, Level.WARNING, Level.NOTE) for rule in RULES_HEALTH)
