"""What auditors ask: each answer is right for runs with and without records, and for those that did nothing."""

from __future__ import annotations

from dataclasses import replace

from flows.core.audit.ending import Run
from flows.core.audit.history import Log, Past, join
from flows.core.audit.questions import (
    chosen,
    last_upgrades,
    longest_downtimes,
    outside_window,
    versions,
    with_lowered,
)
from flows.core.audit.record import ChangeRecord
from flows.core.change_state import Images
from flows.core.window import DAYS, Window
from flows.core.words import utc
from tests.core.audit.records import NEW, OLD, PBX, START, past

DAY = 86400.0
NEWER = replace(NEW, reference="portsip/clickhouse:26.3", version="26.3.1", id="sha256:newer")


def record(name: str, day: float, cluster: str = "prod", **known: object) -> ChangeRecord:
    """The record of an upgrade from 24.8 to 25.8 that began on some day and took a minute."""
    at = START + day * DAY
    return past(name, **{"cluster": cluster, "started": utc(at), "ended": utc(at + 60), **known})


def history(*records: ChangeRecord, runs: tuple[Run, ...] = ()) -> tuple[Past, ...]:
    """These records joined with these runs."""
    clusters = sorted({each.cluster for each in records})
    logs = [Log(cluster, records=tuple(r for r in records if r.cluster == cluster)) for cluster in clusters]
    return join(runs, logs, START + 100 * DAY)


FIRST = record("first", 0)
NOTHING = record("nothing", 1, stages=(), script=None, outside_window=False)
FAILED = record("failed", 2, outcome="failed", after=None, engine_after="", downtime=90.0)
SECOND = record(
    "second", 3, before=Images(PBX, NEW), wanted=Images(PBX, NEWER), after=None, engine_before="", engine_after=""
)
OTHER = record("other", 4, "test", kind="recreate", findings=(), downtime=None, outside_window=False)
ALL = history(FIRST, NOTHING, FAILED, SECOND, OTHER)


def ids(found: tuple[Past, ...]) -> list[str]:
    """Which runs."""
    return [each.id for each in found]


def test_the_past_is_chosen_by_cluster_kind_ending_and_time() -> None:
    """Nothing given is everything; the end of the time does not belong to it."""
    assert ids(chosen(ALL)) == ["first", "nothing", "failed", "second", "other"]
    assert ids(chosen(ALL, clusters=["test"])) == ["other"]
    assert ids(chosen(ALL, clusters=["test", "prod"], kinds=["recreate"])) == ["other"]
    assert ids(chosen(ALL, ends=["failed"])) == ["failed"]
    assert ids(chosen(ALL, since=START + DAY, until=START + 3 * DAY)) == ["nothing", "failed"]
    assert chosen(ALL, clusters=["gone"]) == ()


def test_the_last_upgrade_of_each_cluster_is_one_that_did_something() -> None:
    """Neither a failed one nor one that found nothing to do, and a cluster without one is named, too."""
    found = last_upgrades(history(FIRST, NOTHING, FAILED, OTHER))
    assert {cluster: each and each.id for cluster, each in found.items()} == {"prod": "first", "test": None}
    late = last_upgrades(history(FIRST, replace(SECOND, late=True, outcome="late report")))["prod"]
    assert late and late.id == "second"


def test_runs_in_which_a_finding_was_lowered_are_told_with_it() -> None:
    """Also where only an earlier attempt had it."""
    again = replace(OTHER, run="first", cluster="prod", attempt=2)
    found = with_lowered(history(FIRST, again, OTHER))
    assert [(each.id, lowered) for each, lowered in found] == [("first", ("host.memory",))]


def test_the_longest_downtimes_come_first() -> None:
    """What nobody measured is not among them."""
    assert [(each.id, seconds) for each, seconds in longest_downtimes(ALL, 2)] == [("failed", 90.0), ("first", 31.25)]
    assert longest_downtimes(history(OTHER)) == ()


def test_every_version_that_a_cluster_ran_is_told_once_in_a_row() -> None:
    """As it was seen before and after; what was only wanted counts where the change was done."""
    seen = [(ran.clickhouse, ran.run.id) for ran in versions(ALL, "prod")]
    assert seen == [
        ("portsip/clickhouse:24.8 (24.8.1)", "first"),
        ("portsip/clickhouse:25.8 (25.8.1)", "first"),
        ("portsip/clickhouse:24.8 (24.8.1)", "nothing"),
        ("portsip/clickhouse:25.8 (25.8.1)", "nothing"),
        ("portsip/clickhouse:24.8 (24.8.1)", "failed"),
        ("portsip/clickhouse:25.8 (25.8.1)", "second"),
        ("portsip/clickhouse:26.3 (26.3.1)", "second"),
    ]
    calm = history(FIRST, record("same", 1, before=Images(PBX, NEW), engine_before="25.8.1"))
    assert [ran.since - START for ran in versions(calm)] == [0, 60]
    assert [ran.pbx for ran in versions(calm)] == ["portsip/pbx:22.3.0", "portsip/pbx:22 (22.3.0)"]
    assert OLD.version not in {ran.clickhouse for ran in versions(ALL, "nowhere")}


def test_changes_outside_the_window_are_told_with_who_asked() -> None:
    """By the record, which knew the window of its time; a run without one is judged by that of today, and says so."""
    found = outside_window(history(FIRST, NOTHING, OTHER))
    assert [(each.id, why) for each, why in found] == [("first", "override, by Ada")]
    flow, at = "upgrade-data-flow", START + 5 * DAY
    lost = Run("lost", flow, "upgrade prod", "prod", "CRASHED", at, at, at + 60)
    never = Run("never", flow, "n", "prod", "CANCELLED", at, message="Deployment concurrency limit reached.")
    always, shut = Window(), Window(DAYS, "22:00", "23:00")  # START is at 08:00 UTC
    for window, runs in ((always, []), (shut, ["lost"])):
        judged = outside_window(history(NOTHING, runs=(lost, never)), {"prod": window})
        assert [each.id for each, _ in judged] == runs
    assert outside_window(history(runs=(lost,))) == ()
