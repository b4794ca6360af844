"""A healthy service as a health check sees it, and for each rule of health and drift a world that it objects to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flows.core.baseline import Baseline
from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState, Image, Images
from flows.core.health.rules import RULES_HEALTH
from flows.core.health.seen import Health
from flows.core.health.trend import Point
from flows.core.restore_point import RestorePoint
from flows.core.snapshot import DockerFacts, Snapshot
from flows.core.stopped import KnownStop
from flows.core.tables import Tables
from flows.core.wish import Wish
from flows.core.words import utc
from tests.core.healthy import CLICKHOUSE, DATAFLOW, DAY, GIB, NOW, SNAPSHOT, WISH, ip_rule

assert RULES_HEALTH  # whoever takes these cases needs the rules registered

WRITER = replace(DATAFLOW, labels={"product": "PBX", "version": "22.8.0.2104"})
DOCKER = replace(SNAPSHOT.docker, containers=(CLICKHOUSE, WRITER))
BASELINE = Baseline(
    at="2027-01-01 00:00:00+00:00",
    run="run-1",
    link="http://prefect/1",
    kind="install",
    containers=("c1", "c2"),
    pbx_image=WRITER.image_id,
    clickhouse_image=CLICKHOUSE.image_id,
    data_path="/var/lib/portsip",
    server_uuid="uuid-1",
    pbx_address="192.168.1.20",
    pbx_version="22.8.0",
    token="aaaaaaaaaaaa",
)
SEEN = Health(
    gate="",
    tables=Tables("25.8", "uuid-1", ()),
    most_parts=3,
    set_aside=0,
    log_bytes=GIB,
    inodes=(1_000_000, 900_000),
    certificate_ends=NOW + 365 * DAY,
    notes=True,
    baseline=BASELINE,
    left_open=(),
    trend=(Point(int(NOW), 400 * GIB, GIB, 1000, 0),),
)
PBX = replace(SNAPSHOT.pbx, token_hash="aaaaaaaaaaaa")
HEALTHY = replace(SNAPSHOT, docker=DOCKER, pbx=PBX, restore_points=(), health=SEEN)
LOCK = ChangeLock("run-1", "upgrade prod", utc(NOW - 600), "http://prefect/1", "upgrade", "target", "script")
STOP = KnownStop("2027-01-15", "stop prod", "http://prefect/2", "CHG-1", "change-1", ("c1", "c2"))


def seen(**changes: Any) -> Snapshot:
    """The healthy service of which a health check learned something else."""
    return replace(HEALTHY, health=replace(SEEN, **changes))


def on_pbx(**changes: Any) -> Snapshot:
    """The healthy service with another PBX."""
    return replace(HEALTHY, pbx=replace(PBX, **changes))


def containers(*there: Any, **changes: Any) -> Snapshot:
    """The healthy service with other containers."""
    return replace(HEALTHY, docker=replace(DOCKER, containers=there), **changes)


def disk(path: str, **changes: Any) -> Snapshot:
    """The healthy service on another disk."""
    disks = tuple(replace(d, **changes) if d.path == path else d for d in SNAPSHOT.server.disks or ())
    return replace(HEALTHY, server=replace(SNAPSHOT.server, disks=disks))


def shrinking(gib_a_day: float, free: int = 100) -> Snapshot:
    """The healthy service whose data grew by so much each day."""
    points = tuple(Point(int(NOW - n * DAY), int((free + gib_a_day * n) * GIB), GIB, 1000, 0) for n in (3, 2, 1, 0))
    return seen(trend=points)


def kept(name: str, days: float) -> RestorePoint:
    """A restore point that is so many days old."""
    image = Image("r", "i", "", "")
    return RestorePoint(
        name, "/p", NOW - days * DAY, "/var/lib/portsip", "uuid-1", Images(image, image), {}, "change", 0, 0
    )


DOWN = (replace(CLICKHOUSE, running=False, exit_code=0), replace(WRITER, running=False, exit_code=0))
FOREIGN = (replace(CLICKHOUSE, id="c3", image_id="sha256:9"), WRITER)

HEALTH: list[tuple[str, Snapshot, Wish, str]] = [
    ("health.service-down", containers(CLICKHOUSE), WISH, "there is no Data Flow container"),
    ("health.service-down", containers(*DOWN), WISH, "portsip.clickhouse is not running"),
    ("health.service-down", containers(replace(CLICKHOUSE, health="unhealthy"), WRITER), WISH, "is unhealthy"),
    ("health.service-down", replace(HEALTHY, docker=DockerFacts(present=False)), WISH, "no ClickHouse container"),
    (
        "health.service-down",
        containers(*DOWN, lock=replace(LOCK, since=utc(NOW - DAY))),
        WISH,
        "portsip.clickhouse is not running",
    ),
    ("health.known-stop", containers(*DOWN, known_stop=STOP), WISH, "stopped on purpose since 2027-01-15"),
    ("health.known-stop", containers(*DOWN, lock=LOCK), WISH, "upgrade prod is at work since"),
    (
        "health.restarted",
        seen(trend=(Point(int(NOW - 600), restarts=1), Point(int(NOW), restarts=3))),
        WISH,
        "again 2 times within a day",
    ),
    ("health.clickhouse-not-ready", seen(gate="ClickHouse does not answer /ping"), WISH, "does not answer /ping"),
    ("health.parts-many", seen(most_parts=501), WISH, "501 active parts"),
    ("health.parts-set-aside", seen(set_aside=2), WISH, "2 broken parts"),
    ("health.image-version", on_pbx(version="22.9.0"), WISH, "the PBX runs 22.9.0, portsip.dataflow is 22.8.0.2104"),
    ("health.disk-full", disk("/", available=GIB), WISH, "1 GiB of 126 GiB free on /"),
    ("health.disk-full", seen(inodes=(1_000_000, 0)), WISH, "0 of 1,000,000 inodes free"),
    ("health.disk-full", shrinking(60), WISH, "is full in 1.7 days"),
    ("health.disk-low", disk("/var/lib/portsip", available=50 * GIB), WISH, "50 GiB of 500 GiB free"),
    ("health.disk-low", shrinking(10), WISH, "is full in 10.0 days"),
    ("health.log-growth", seen(log_bytes=11 * GIB), WISH, "takes 11 GiB"),
    ("health.log-growth", seen(trend=(Point(int(NOW - DAY), log=0), Point(int(NOW), log=2 * GIB))), WISH, "by 2 GiB"),
    (
        "health.restore-points-old",
        replace(HEALTHY, restore_points=(kept("old", 60), kept("new", 40))),
        WISH,
        "1 restore points are older than 30 days: old",
    ),
    ("health.whitelist-ends", on_pbx(ip_rules=(ip_rule("192.168.1.26", days=20),)), WISH, "192.168.1.26 only until"),
    ("health.certificate-ended", seen(certificate_ends=NOW - DAY), WISH, "ended 2027-01-14"),
    ("health.certificate-ends", seen(certificate_ends=NOW + 20 * DAY), WISH, "ends 2027-02-04"),
    (
        "health.change-unfinished",
        replace(HEALTHY, lock=replace(LOCK, phase="unfinished")),
        WISH,
        "upgrade prod ended half way",
    ),
    (
        "health.change-unfinished",
        replace(HEALTHY, lock=replace(LOCK, since="long ago")),
        WISH,
        "upgrade prod holds the cluster since long ago, phase script",
    ),
    ("change.left-open", seen(left_open=(ChangeState("c", "upgrade", "prod", "t"),)), WISH, "upgrade c (preparing)"),
    ("drift.no-baseline", seen(baseline=None), WISH, "no change has recorded yet"),
    ("drift.no-baseline", containers(*FOREIGN), WISH, "not those that the install of 2027-01-01"),
    ("drift.pbx-address", on_pbx(private_address="192.168.1.30"), WISH, "is 192.168.1.30; it was 192.168.1.20"),
    ("drift.token", on_pbx(token_hash="bbbbbbbbbbbb"), WISH, "is bbbbbbbbbbbb; it was aaaaaaaaaaaa"),
    ("drift.pbx-version", on_pbx(version="22.9.0"), WISH, "is 22.9.0; it was 22.8.0"),
    ("drift.image", containers(*FOREIGN), WISH, "portsip.clickhouse was made of sha256:9"),
    ("drift.data-path", HEALTHY, replace(WISH, data_path="/data"), "the block says /data"),
    ("drift.server-uuid", seen(tables=Tables("25.8", "uuid-2", ())), WISH, "is uuid-2; it was uuid-1"),
]
