"""A case of trouble for each rule about ClickHouse's version and about rolling back, and the edges that are fine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flows.core.change import ChangeLock
from flows.core.change_state import Image, Images
from flows.core.rehearsal import Rehearsal
from flows.core.restore_point import RestorePoint
from flows.core.snapshot import Image as LocalImage
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish
from tests.core.healthy import CLICKHOUSE, DATAFLOW, NOW, SAVED, SNAPSHOT, wish, with_docker, with_pbx, with_server

OLD = Images(
    Image("portsip/pbx:22", "sha256:2", "portsip/pbx@sha256:d2", "22.8.0.2104"),
    Image("portsip/clickhouse:24.8", "sha256:4", "portsip/clickhouse@sha256:d4", "24.8"),
)
POINT = RestorePoint(
    id="20270101T000000Z-c1",
    path="/var/lib/portsip/.dataflow-restore/20270101T000000Z-c1",
    made_at=NOW - 3600,
    data_path="/var/lib/portsip",
    server_uuid="9d0d7ba8-1f9d-4a32-a2b2-1c5b4a3c2d1e",
    images=OLD,
    recorded={"DATA_PATH": "/var/lib/portsip/", "PRI_IP_ADDRESS": "192.168.1.26"},
    change="c1",
    bytes=1 << 30,
    files=40_000,
)
OLDER = replace(POINT, id="20260101T000000Z-c0", change="c0", made_at=NOW - 90 * 86400)
LOCK = ChangeLock("r1", "upgrade", "2027-01-01", "", "upgrade", "t", "unfinished", change="c1")
CONFIRMED = wish(cluster="prod-eu", confirm="prod-eu")


def keeping(*points: RestorePoint, base: Snapshot = SNAPSHOT) -> Snapshot:
    """The healthy cluster with these restore points on its server."""
    return replace(base, restore_points=points)


def rolling_back(**changes: Any) -> Wish:
    """A confirmed wish to roll back."""
    return replace(CONFIRMED, **changes)


def running(version: str, label: str = "") -> Snapshot:
    """The healthy cluster whose ClickHouse is of this tag, and of this label where there is one."""
    container = replace(CLICKHOUSE, image=f"portsip/clickhouse:{version}")
    images = (LocalImage(container.image, container.image_id, (), label),)
    return with_docker(containers=(container, DATAFLOW), images=images)


RECORDED = replace(SAVED, values={**SAVED.values, "DB_IMG": "portsip/clickhouse:24.8"})
GONE = replace(POINT, images=replace(OLD, clickhouse=replace(OLD.clickhouse, digest="")))

ASKED = wish(clickhouse_image="portsip/clickhouse:26.3", require_rehearsal=7)
REHEARSED = Rehearsal("h1", NOW - 3600, True, "portsip/clickhouse:26.3", "sha256:6", "", "25.8", "26.3", "well", "r1")


def remembering(*rehearsals: Rehearsal, there: str = "") -> Snapshot:
    """The healthy cluster that remembers these, perhaps with the wished image on its server, by this id."""
    images = (LocalImage("portsip/clickhouse:26.3", there, ()),) if there else ()
    return replace(with_docker(images=images), rehearsals=rehearsals)


# id, snapshot, wish, words of the message
ENGINE: list[tuple[str, Snapshot, Wish, str]] = [
    (
        "clickhouse.downgrade",
        SNAPSHOT,
        wish(clickhouse_image="portsip/clickhouse:24.8"),
        "ClickHouse 25.8 works on the data, portsip/clickhouse:24.8 is 24.8",
    ),
    (
        "clickhouse.downgrade",
        running("latest", "26.3.1.1"),
        wish(clickhouse_image="registry:5000/portsip/clickhouse:25.8-lts"),
        "ClickHouse 26.3 works on the data",
    ),
    ("clickhouse.recorded-older", replace(SNAPSHOT, saved=(RECORDED,)), wish(), "portsip/clickhouse:24.8 is 24.8"),
    (
        "clickhouse.untested-jump",
        running("25.8"),
        wish(clickhouse_image="portsip/clickhouse:26.3"),
        "from ClickHouse 25.8 to 26.3 was not tested by us",
    ),
    (
        "clickhouse.untested-jump",
        running("24.3"),
        wish(),
        "more than the year that ClickHouse promises to jump over",
    ),
    ("host.python", with_server(python=False), wish(), "dataflow01 has no python3"),
    ("rehearsal.no-clickhouse", with_docker(containers=(DATAFLOW,)), wish(), "there is no ClickHouse container on"),
    (
        "rehearsal.no-clickhouse",
        with_docker(containers=(replace(CLICKHOUSE, running=False), DATAFLOW)),
        wish(),
        f"{CLICKHOUSE.name} neither runs nor is stopped",
    ),
    ("rehearsal.image-unknown", SNAPSHOT, wish(clickhouse_image=""), "the block names no ClickHouse image"),
    ("upgrade.not-rehearsed", remembering(), ASKED, "no rehearsal of portsip/clickhouse:26.3"),
    ("upgrade.not-rehearsed", remembering(REHEARSED, there="sha256:7"), ASKED, "(sha256:7) is recorded"),
    (
        "upgrade.not-rehearsed",
        remembering(replace(REHEARSED, passed=False, said="5 rows lost")),
        ASKED,
        "failed: 5 rows lost",
    ),
    ("rollback.no-restore-point", keeping(), CONFIRMED, "There are: none"),
    (
        "rollback.no-restore-point",
        keeping(POINT),
        rolling_back(restore_point="other"),
        "There are: 20270101T000000Z-c1",
    ),
    (
        "rollback.no-restore-point",
        replace(keeping(OLDER), lock=LOCK),
        CONFIRMED,
        "none of the unfinished change; name one",
    ),
    ("rollback.not-confirmed", keeping(POINT), wish(cluster="prod-eu", confirm="yes"), "'prod-eu' has to be typed"),
    ("rollback.images-gone", keeping(GONE), CONFIRMED, "has no portsip/clickhouse:24.8 (sha256:4)"),
    ("rollback.pbx-version", keeping(POINT, base=with_pbx(version="22.9.0")), CONFIRMED, "the PBX runs 22.9.0"),
    (
        "rollback.other-data-path",
        keeping(replace(POINT, recorded={"DATA_PATH": "/srv/portsip"})),
        CONFIRMED,
        "recorded with /srv/portsip, the block says /var/lib/portsip",
    ),
    ("rollback.rows-since", keeping(POINT), rolling_back(rows_since="+17 rows since"), "+17 rows since"),
]

FINE: list[tuple[str, Snapshot, Wish]] = [
    ("clickhouse.downgrade", running("24.8"), wish()),
    ("clickhouse.downgrade", SNAPSHOT, wish()),
    ("clickhouse.downgrade", with_docker(containers=()), wish()),
    ("clickhouse.recorded-older", SNAPSHOT, wish(clickhouse_image="portsip/clickhouse:24.8")),
    ("clickhouse.untested-jump", running("24.8"), wish()),
    ("clickhouse.untested-jump", SNAPSHOT, wish()),
    ("host.python", SNAPSHOT, wish()),
    ("rehearsal.no-clickhouse", SNAPSHOT, wish()),
    (
        "rehearsal.no-clickhouse",
        with_docker(containers=(replace(CLICKHOUSE, running=False, exit_code=0), DATAFLOW)),
        wish(),
    ),
    ("rehearsal.image-unknown", SNAPSHOT, wish()),
    ("upgrade.not-rehearsed", remembering(), replace(ASKED, require_rehearsal=0)),
    ("upgrade.not-rehearsed", remembering(REHEARSED), ASKED),
    ("upgrade.not-rehearsed", remembering(REHEARSED, there="sha256:6"), ASKED),
    ("upgrade.not-rehearsed", remembering(there=CLICKHOUSE.image_id), ASKED),
    ("rollback.no-restore-point", keeping(OLDER, POINT), CONFIRMED),
    ("rollback.no-restore-point", replace(keeping(OLDER, POINT), lock=LOCK), CONFIRMED),
    ("rollback.not-confirmed", keeping(POINT), CONFIRMED),
    ("rollback.images-gone", keeping(POINT), CONFIRMED),
    (
        "rollback.images-gone",
        keeping(GONE, base=with_docker(images=(LocalImage("pin", OLD.clickhouse.id, ()),))),
        CONFIRMED,
    ),
    ("rollback.pbx-version", keeping(POINT), CONFIRMED),
    ("rollback.other-data-path", keeping(POINT), CONFIRMED),
    ("rollback.rows-since", keeping(POINT), CONFIRMED),
]

UNKNOWN: list[tuple[str, Snapshot, Wish]] = [
    ("clickhouse.downgrade", running("latest"), wish()),
    ("clickhouse.downgrade", SNAPSHOT, wish(clickhouse_image="portsip/clickhouse")),
    ("clickhouse.downgrade", with_docker(containers=None), wish()),
    ("clickhouse.untested-jump", running("latest"), wish()),
    ("host.python", with_server(python=None), wish()),
    ("rehearsal.no-clickhouse", with_docker(containers=None), wish()),
    ("upgrade.not-rehearsed", replace(SNAPSHOT, rehearsals=None), ASKED),
    ("rollback.no-restore-point", replace(SNAPSHOT, restore_points=None), CONFIRMED),
    ("rollback.pbx-version", keeping(POINT, base=with_pbx(version=None)), CONFIRMED),
    (
        "rollback.pbx-version",
        keeping(replace(POINT, images=replace(OLD, pbx=replace(OLD.pbx, version="")))),
        CONFIRMED,
    ),
]
"""What no machine told is never a pass."""
