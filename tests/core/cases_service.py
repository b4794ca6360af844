"""For each rule of start, stop, restart and remove a world that it objects to, and the words that it says."""

from __future__ import annotations

from dataclasses import replace

from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState
from flows.core.snapshot import Snapshot
from flows.core.window import Window
from flows.core.wish import Wish
from tests.core.healthy import CLICKHOUSE, DATAFLOW, SNAPSHOT, WISH, wish, with_docker

LOCK = ChangeLock("run-1", "upgrade prod", "2026-11-22", "http://prefect/1", "upgrade", "target", "unfinished")

SHUT = Window(("Monday",), "22:00", "04:00", "Europe/Berlin")
"""The healthy wish is of a Friday."""

SERVICE: list[tuple[str, Snapshot, Wish, str]] = [
    (
        "service.containers-missing",
        with_docker(containers=(CLICKHOUSE,)),
        wish(verb="start"),
        "has no Data Flow container on /var/lib/portsip",
    ),
    (
        "service.containers-missing",
        with_docker(present=False, containers=None),
        wish(verb="start"),
        "has no ClickHouse and no Data Flow container",
    ),
    (
        "service.script-runs",
        replace(SNAPSHOT, lock=LOCK, script_runs=True),
        wish(verb="start", run="run-2"),
        "the script of upgrade prod still runs on pbx01: http://prefect/1",
    ),
    (
        "service.unfinished-change",
        replace(SNAPSHOT, unfinished=ChangeState("c", "rollback", "prod", "t", verdict="LOST")),
        wish(verb="start"),
        "the unfinished rollback c speaks against a start: its comparison ended as LOST",
    ),
    (
        "service.not-stopped-by-us",
        with_docker(containers=(CLICKHOUSE, replace(DATAFLOW, running=False, exit_code=139))),
        wish(verb="start"),
        "portsip.dataflow (exit code 139)",
    ),
    (
        "change.outside-window",
        SNAPSHOT,
        wish(window=SHUT),
        "changes are made Monday, 22:00 to 04:00 Europe/Berlin; the window opens next on Monday 2027-01-18 22:00",
    ),
    ("remove.not-confirmed", SNAPSHOT, wish(cluster="prod", confirm="Prod"), "'prod' has to be typed; it was 'Prod'"),
    ("remove.not-confirmed", SNAPSHOT, WISH, "has to be typed"),
    (
        "remove.data-elsewhere",
        with_docker(containers=(replace(CLICKHOUSE, mounts={"/var/lib/clickhouse": "/data"}),)),
        WISH,
        "mounts /data, not below /var/lib/portsip",
    ),
    ("remove.data-elsewhere", SNAPSHOT, wish(data_path="/data"), "not below /data"),
    ("script.verb-missing", SNAPSHOT, wish(verb="status"), "does not know `status`"),
    ("replace.not-installed", with_docker(containers=(CLICKHOUSE,)), WISH, "no Data Flow container"),
    (
        "replace.stopped",
        with_docker(containers=(CLICKHOUSE, replace(DATAFLOW, running=False))),
        WISH,
        "portsip.dataflow on dataflow01 not running",
    ),
    ("replace.parameters-unknown", replace(SNAPSHOT, saved=()), WISH, "no record of the parameters"),
]
