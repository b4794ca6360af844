"""What a run is called: kind and cluster, and what becomes of what."""

from __future__ import annotations

from dataclasses import replace

from flows.core.change import Order
from flows.core.change_state import Image, Images
from flows.core.restore_point import RestorePoint
from flows.core.run_name import run_name, tag
from tests.core.healthy import CLICKHOUSE, DATAFLOW, SNAPSHOT, wish, with_docker

ORDER = Order("upgrade", "prod-eu", False, (), "Ada", "")
_IMAGE = Image("a", "b", "c", "d")
POINT = RestorePoint("20261122T210203Z-1f0c7a2b", "/p", 1.0, "/d", "u", Images(_IMAGE, _IMAGE), {}, "change", 0, 0)


def test_an_upgrade_is_called_by_its_versions() -> None:
    """ClickHouse first; what stays is not named, and what is not known is not made up."""
    cases = (
        (SNAPSHOT, {}, "upgrade prod-eu"),
        (SNAPSHOT, {"clickhouse_image": "portsip/clickhouse:26.3"}, "upgrade prod-eu 25.8 → 26.3"),
        (SNAPSHOT, {"pbx_image": "hub:5000/portsip/pbx:23"}, "upgrade prod-eu Data Flow 22 → 23"),
        (
            SNAPSHOT,
            {"pbx_image": "portsip/pbx:23", "clickhouse_image": "portsip/clickhouse:26.3"},
            "upgrade prod-eu 25.8 → 26.3, Data Flow 22 → 23",
        ),
        (
            with_docker(containers=(DATAFLOW, replace(CLICKHOUSE, image="portsip/clickhouse@sha256:1"))),
            {},
            "upgrade prod-eu ? → 25.8",
        ),
        (SNAPSHOT, {"clickhouse_image": "portsip/clickhouse@sha256:1"}, "upgrade prod-eu"),
    )
    for snapshot, wished, expected in cases:
        assert run_name(ORDER, snapshot, wish(**wished)) == expected


def test_other_changes_are_called_by_what_they_do() -> None:
    """A rollback names its point, and a dry run says that it is one."""
    pointed = replace(SNAPSHOT, restore_points=(POINT,))
    cases = (
        (ORDER, "stop", "stop prod-eu"),
        (ORDER, "install", "install prod-eu"),
        (ORDER, "rollback", "roll back prod-eu to 20261122T210203Z-1f0c7a2b"),
        (replace(ORDER, dry_run=True), "recreate", "recreate prod-eu (dry run)"),
    )
    for order, kind, expected in cases:
        assert run_name(replace(order, kind=kind), pointed, wish()) == expected
    assert run_name(replace(ORDER, kind="rollback"), SNAPSHOT, wish()) == "roll back prod-eu"


def test_a_tag_is_what_stands_behind_the_last_colon_of_the_name() -> None:
    """A registry's port is none, nor is a digest."""
    cases = {"a/b:1": "1", "h:5000/a/b": "", "h:5000/a/b:2": "2", "a@sha256:1": "", "a:3@sha256:1": "3", "": ""}
    assert {reference: tag(reference) for reference in cases} == cases
