"""Restore points as values, the rules about versions and rolling back, and which point a rollback takes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from flows.core.engine import parse, release_of
from flows.core.facts import restore_points, server_questions
from flows.core.preflight import registered
from flows.core.restore_point import about, disk_folders, from_marker, listing, new_id, pin_name, removable
from flows.core.rollback import chosen, plan, target
from flows.core.snapshot import Image
from tests.core.cases_engine import CONFIRMED, FINE, LOCK, OLD, OLDER, POINT, UNKNOWN, keeping, rolling_back
from tests.core.healthy import DAY, NOW

DATA = "/var/lib/portsip"
MARKER = {
    **about("c1", POINT.recorded, asdict(OLD)),
    "id": POINT.id,
    "made": POINT.made_at,
    "server_uuid": POINT.server_uuid,
    "bytes": POINT.bytes,
    "files": POINT.files,
    "holds": [],
}


def test_a_rule_is_silent_where_all_is_well() -> None:
    """At its edge, too."""
    assert [found for name, snapshot, wished in FINE if (found := registered()[name](snapshot, wished))] == []


def test_what_is_not_known_is_no_pass() -> None:
    """The finding keeps the level of its rule."""
    for name, snapshot, wished in UNKNOWN:
        finding = registered()[name](snapshot, wished)
        assert finding is not None, name
        assert finding.message.startswith("unknown: "), name
        assert finding.level == registered()[name].level, name


def test_a_marker_is_read_as_it_was_written() -> None:
    """What the server's program adds to what it was given makes the point."""
    assert from_marker(json.loads(json.dumps(MARKER)), DATA) == POINT
    assert POINT.made.endswith("+00:00")


def test_a_marker_of_a_newer_version_is_refused() -> None:
    """What it added might be what must not be overlooked."""
    with pytest.raises(ValueError, match="update this worker"):
        from_marker({**MARKER, "format": 2}, DATA)


def test_the_look_finds_points_and_does_not_take_an_unreadable_one_for_none() -> None:
    """One line of JSON for each; a server that cannot be searched has unknown points, not none."""
    line = json.dumps(MARKER)
    assert restore_points({"restore-points": (0, f"{line}\n{line}\n")}, DATA) == (POINT, POINT)
    assert restore_points({"restore-points": (0, "")}, DATA) == ()
    assert restore_points({"restore-points": (1, "")}, DATA) is None
    assert restore_points({"restore-points": (0, "{}")}, DATA) is None
    question = next(q for q in server_questions(DATA) if q.name == "restore-points")
    assert f"{DATA}/.dataflow-restore" in question.command


def test_names_sort_by_time_and_fit_a_container() -> None:
    """Docker's names have letters, digits, dots, dashes and underscores."""
    assert new_id("1f0c7a2b-77aa", NOW) == "20270115T080000Z-1f0c7a2b"
    assert new_id("", NOW) < new_id("", NOW + 1)
    assert pin_name(POINT.id, "pbx") == "dataflow-flows.pin.20270101T000000Z-c1.pbx"


def test_only_aged_or_named_points_go_and_never_the_newest() -> None:
    """Each one that was asked for and stays is told with its reason."""
    middle = replace(POINT, id="middle", made_at=NOW - 40 * DAY)
    points = (OLDER, middle, POINT)
    assert removable(points, now=NOW) == ((), ())
    assert removable(points, now=NOW, keep_days=60) == ((OLDER,), ())
    assert removable(points, now=NOW, ids=["middle"]) == ((middle,), ())
    going, staying = removable(points, now=NOW + 99 * DAY, keep_days=1, ids=["gone"], needed=["middle"])
    assert going == (OLDER,)
    assert [line.partition(":")[0] for line in staying] == ["gone", "middle", POINT.id]


def test_the_list_shows_what_a_person_has_to_know() -> None:
    """The newest first, with its age, size and images."""
    lines = listing((OLDER, POINT), NOW).splitlines()
    assert POINT.id in lines[2]
    assert OLDER.id in lines[3]
    assert (
        "| 90.0 | 1.0 GiB | 40,000 | portsip/pbx:22 (22.8.0.2104) + portsip/clickhouse:24.8 (24.8) | c0 |" in lines[3]
    )


def test_further_disks_are_found_on_the_server() -> None:
    """Those below the data folder are in the point anyway; one in no mounted folder goes with its container."""
    mounts = {"/var/lib/clickhouse": f"{DATA}/clickhouse/data", "/disks": "/srv/disks/"}
    disks = ("/var/lib/clickhouse/", "/var/lib/clickhouse/disks/two/", "/disks/three/")
    assert disk_folders(disks, mounts, DATA) == ("/srv/disks/three",)
    with pytest.raises(ValueError, match="no folder of the server"):
        disk_folders(["/elsewhere/"], mounts, DATA)


VERSIONS: list[tuple[str, tuple[int, int] | None]] = [
    ("25.8", (25, 8)),
    ("v24.8.4.1-lts", (24, 8)),
    ("25.12.1", (25, 12)),
    ("latest", None),
    ("22.99", None),
    ("", None),
]


def test_a_version_of_clickhouse_is_a_year_and_a_month() -> None:
    """Whatever stands around it."""
    for version, release in VERSIONS:
        assert parse(version) == release


def test_the_release_of_an_image_comes_from_its_label_before_its_tag() -> None:
    """A tag can be moved; a reference by digest without a label tells nothing."""
    moved = Image("portsip/clickhouse:24.8", "sha256:7", (), "25.8.2")
    assert release_of("portsip/clickhouse:24.8", (moved,)) == (25, 8)
    assert release_of("portsip/clickhouse:24.8", (moved,), "sha256:old") == (24, 8)
    assert release_of("host:5000/clickhouse", ()) is None
    assert release_of("portsip/clickhouse@sha256:25.8", ()) is None


def test_a_rollback_takes_the_named_point_then_the_unfinished_changes_then_the_newest() -> None:
    """An unfinished change without a point of its own gets none by default; an unfinished rollback keeps its own."""
    both = keeping(POINT, OLDER)
    assert chosen(both, CONFIRMED) == POINT
    assert chosen(both, rolling_back(restore_point=OLDER.id)) == OLDER
    assert chosen(replace(both, lock=replace(LOCK, change="c0", run="c0")), CONFIRMED) == OLDER
    assert chosen(replace(both, lock=replace(LOCK, change="c9", run="c9")), CONFIRMED) is None
    aimed = target(both, rolling_back(restore_point=OLDER.id))
    held = replace(LOCK, kind="rollback", target=aimed, change="c9")
    assert chosen(replace(both, lock=held), CONFIRMED) == OLDER


def test_the_plan_names_what_is_renamed_and_the_very_images() -> None:
    """By digest: a tag may mean another image meanwhile. It holds no number of rows."""
    made = plan(keeping(POINT), rolling_back(rows_since="+17 rows since"), ())
    words = " ".join(step.title for step in made.steps)
    assert "-i portsip/pbx@sha256:d2 -d portsip/clickhouse@sha256:d4" in words
    assert "rename /var/lib/portsip/clickhouse/data" in words
    assert made.hash == plan(keeping(POINT), CONFIRMED, ()).hash
    assert made.hash != plan(keeping(OLDER), CONFIRMED, ()).hash
