"""Replacing the service: which calls of the script, with which parameters and images, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.core.change import ChangeLock
from flows.core.change_state import Image, Images
from flows.core.facts.script import parse_upgrade_options
from flows.core.findings import Finding
from flows.core.fit import misfits, release
from flows.core.installed import same_images, service
from flows.core.preflight import RULES_REPLACE, applicable
from flows.core.preflight.replace import RULES
from flows.core.replace import aim, arguments, calls, ours, plan, recorded, running_images
from flows.core.restore_point import RestorePoint
from flows.core.script import run_command
from flows.core.snapshot import SavedParameters, Snapshot
from tests.core.healthy import CLICKHOUSE, DATAFLOW, DAY, NOW, SNAPSHOT, WISH, wish, with_docker, with_script

IMAGES = ("portsip/pbx:22", "portsip/clickhouse:26.3")
SAVED = {
    "DATA_PATH": "/data",
    "PRI_IP_ADDRESS": "192.168.1.26",
    "PBX_IP_ADDRESS": "192.168.1.20",
    "DATAFLOW_IMG": "portsip/pbx:22",
    "DB_IMG": "portsip/clickhouse:25.8",
    "HUB_PASSWORD": "not ours",
}
RECORDED = replace(SNAPSHOT, saved=(SavedParameters("/opt/x/.configure_dataflow", SAVED),))
EMPTY = replace(RECORDED, docker=replace(SNAPSHOT.docker, containers=()))


def said(kind: str, snapshot: Snapshot) -> list[str]:
    """The calls as a person would type them."""
    return [" ".join(call.argv) for call in calls(kind, snapshot, WISH, IMAGES)]


RUN = "/bin/bash dataflow.sh run -p /data -a 192.168.1.26 -i portsip/pbx:22 -d portsip/clickhouse:26.3"
REMOVE = "/bin/bash dataflow.sh rm"


def test_an_upgrade_names_the_pbx_image_first() -> None:
    """Releases that know no -d lose what follows it."""
    assert said("upgrade", RECORDED) == [
        "/bin/bash dataflow.sh upgrade -i portsip/pbx:22 -d portsip/clickhouse:26.3",
    ]


def test_a_script_that_passes_over_the_database_image_is_not_trusted_with_an_upgrade() -> None:
    """Remove and run is the same by the vendor's own words, and takes both images."""
    old = replace(RECORDED, script=replace(SNAPSHOT.script, upgrade_options="i"))
    assert said("upgrade", old) == [REMOVE, RUN]


def test_an_upgrade_that_died_half_way_goes_on_with_run() -> None:
    """The verb upgrade fails where the writer's container is gone."""
    assert said("upgrade", EMPTY) == [RUN]
    half = replace(RECORDED, docker=replace(SNAPSHOT.docker, containers=(CLICKHOUSE,)))
    assert said("upgrade", half) == [REMOVE, RUN]


def test_a_recreate_removes_and_runs_with_the_recorded_parameters() -> None:
    """Nothing but the images may differ from what was recorded."""
    assert said("recreate", RECORDED) == [REMOVE, RUN]
    assert said("recreate", EMPTY) == [RUN]


def test_the_recorded_address_decides_not_the_block() -> None:
    """A server that was installed with a public address only is run with that one again."""
    public = arguments({"DATA_PATH": "/data", "PUB_IP_ADDRESS": "203.0.113.5"}, WISH, IMAGES)
    assert run_command("x", public)[5:8] == ["-A", "203.0.113.5", "-i"]
    unknown = arguments({}, WISH, IMAGES)
    assert (unknown.data_path, unknown.private_address) == (WISH.data_path, WISH.private_address)


def test_only_what_a_run_needs_is_carried_along() -> None:
    """What else the vendor saved, a registry's login for example, is not ours to keep."""
    assert "HUB_PASSWORD" not in recorded(RECORDED)
    assert recorded(RECORDED)["DB_IMG"] == "portsip/clickhouse:25.8"
    assert recorded(replace(SNAPSHOT, saved=())) == {}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('while getopts "p:a:i:d:" o; do :; done\nwhile getopts "i:d:" o; do :; done', "di"),
        ('while getopts "p:a:i:d:" o; do :; done\nwhile getopts "i:" o; do :; done', "i"),
        ('while getopts "p:a:i:d:" o; do :; done', "adip"),
        ("echo nothing", None),
    ],
    ids=["own, both", "own, only -i", "shared", "none"],
)
def test_the_options_of_upgrade_are_read_from_the_script(text: str, options: str | None) -> None:
    """Those of the getopts that takes an image but no path, else those that all verbs share."""
    assert parse_upgrade_options(text) == options


def test_the_plan_shows_the_calls_and_the_token() -> None:
    """What a person approves is what is typed on pbx01."""
    titles = {step.task: step.title for step in plan("upgrade", RECORDED, WISH, ()).steps}
    assert "upgrade -i portsip/pbx:22 -d portsip/clickhouse:25.8" in titles["replace"]
    assert "token" not in titles
    again = plan("recreate", RECORDED, wish(new_token=True), ())
    assert [step.task for step in again.steps][2] == "token"
    assert plan("recreate", RECORDED, WISH, ()).hash == plan("recreate", RECORDED, WISH, ()).hash


def test_aged_restore_points_are_named_in_the_plan() -> None:
    """They are removed by order only, and never without having been shown."""
    old = RestorePoint("p1", "/p1", NOW - 40 * DAY, "/data", "u", OLD, {}, "c", 1, 1)
    there = replace(RECORDED, restore_points=(old, replace(old, id="p2", made_at=NOW - 2 * DAY)))
    assert [step.task for step in plan("upgrade", there, WISH, ()).steps][-1] == "verify-row-counts"
    last = plan("upgrade", there, wish(keep_days=30), ()).steps[-1]
    assert (last.task, last.changes) == ("restore-points", True)
    assert last.title == "remove restore points older than 30 days: p1"


OLD = Images(
    Image("portsip/pbx:22", "sha256:2", "portsip/pbx@sha256:2", "22.8.0.1"),
    Image("portsip/clickhouse:25.8", "sha256:1", "", ""),
)
NEW = replace(OLD, pbx=replace(OLD.pbx, id="sha256:9", version="22.8.0.2"))


def ids(found: tuple[Finding, ...]) -> list[str]:
    """Their names."""
    return [finding.id for finding in found]


def test_an_image_of_another_release_than_the_pbx_does_not_fit() -> None:
    """The PBX cluster is upgraded first; unknown is never a pass."""
    assert misfits(None, NEW, "22.8.0") == ()
    for version in ("22.7.0", None, "22"):
        assert ids(misfits(None, NEW, version)) == ["upgrade.image-version"]
    unlabelled = replace(NEW, pbx=replace(NEW.pbx, version=""))
    assert "not labelled" in misfits(None, unlabelled, "22.8.0")[0].message


def test_a_recreate_takes_no_other_image() -> None:
    """A tag that moved on would make an upgrade of it."""
    assert ids(misfits(OLD, NEW, "22.8.0")) == ["recreate.image-moved"]
    assert misfits(OLD, OLD, "22.8.0.77") == ()


RELEASES: list[tuple[str, str]] = [("22.8.0.2104", "22.8.0"), ("22.8.0", "22.8.0"), ("v22", "")]


def test_a_release_is_three_numbers() -> None:
    """What is less than that is not known."""
    for version, wanted in RELEASES:
        assert release(version) == wanted


def test_the_same_images_have_to_run() -> None:
    """A stopped container of the right image is not the service."""
    found = service(SNAPSHOT.docker, WISH.data_path)
    images = running_images(found, {"sha256:2": "22.8.0.1"})
    assert images is not None
    assert images.pbx.version == "22.8.0.1"
    assert same_images(found, images)
    stopped = service(with_docker(containers=(CLICKHOUSE, replace(DATAFLOW, running=False))).docker, WISH.data_path)
    assert not same_images(stopped, images)
    assert running_images(service(EMPTY.docker, WISH.data_path), {}) is None


BROKEN = {
    "replace.not-installed": with_docker(containers=(CLICKHOUSE,)),
    "replace.stopped": with_docker(containers=(CLICKHOUSE, replace(DATAFLOW, running=False))),
    "replace.parameters-unknown": replace(SNAPSHOT, saved=()),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_service_that_cannot_be_replaced_is_refused(name: str) -> None:
    """Whole, running, and with known parameters; nothing is guessed."""
    found = [finding for rule in RULES if (finding := rule(BROKEN[name], WISH))]
    assert ids(tuple(found)) == [name]
    assert [rule(SNAPSHOT, WISH) for rule in RULES] == [None, None, None]


@pytest.mark.parametrize("name", BROKEN)
def test_an_unfinished_change_of_the_same_target_goes_on(name: str) -> None:
    """What it left half done is no reason against finishing it, what another left is."""
    broken = BROKEN[name]
    lock = ChangeLock("run-1", "upgrade", "", "", "upgrade", aim("upgrade", broken, WISH), "unfinished")
    ended = replace(broken, lock=lock)
    assert ours(ended, WISH)
    assert [rule(ended, WISH) for rule in RULES] == [None, None, None]
    other = replace(ended, lock=replace(lock, target="upgrade to something else"))
    assert not ours(other, WISH)
    running = replace(ended, script_runs=True)
    assert "docker.unusable" not in {rule.id for rule in applicable(RULES_REPLACE, running, WISH)}


def test_a_script_without_the_verb_is_not_asked_for_it() -> None:
    """It would print an error and exit with 0."""
    without = replace(RECORDED, script=with_script(verbs=("run", "rm")).script)
    assert said("upgrade", without) == [REMOVE, RUN]
