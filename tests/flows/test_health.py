"""Health checks on a whole cluster in a box: ok, each fault by its finding, drift, what is told, and only reads."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.flows.conftest import read_run
from tests.flows.health_faults import FAULTS
from tests.flows.health_support import BASELINE, check, events, files, history, record
from tests.flows.secret_hunt import Hunter
from tests.flows.story_support import block_of, edited
from tests.flows.support import wait_until
from tests.sandbox import vendor
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.world import World
from tests.stories.words import carry_out


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A service that runs for long, on a PBX of its own release."""
    with World(installed="25.8", history_rows=2_000) as world:
        world.pbx.version = OLD_PBX
        world.publish_pbx(OLD_PBX)
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        yield world


@pytest.fixture
def cluster(world: World, prefect_server: str, request: pytest.FixtureRequest) -> Any:
    """The block under a name of its own, so that each test has its own history."""
    return edited(block_of(world), name=request.node.name.replace("_", "-"))


def test_a_healthy_service_is_ok_and_nothing_is_touched(world: World, cluster: Any) -> None:
    """Completed; no file, container or entry has changed, the PBX was only read, and no secret is in what is kept."""
    check(cluster)
    before, asked = files(world), len(world.pbx.requests)
    containers = {(c.id, c.started_at) for c in world.engine.containers}
    done = check(cluster)
    assert (done.run.ended, done.run.state.name) == ("COMPLETED", "Completed")
    assert done.run.message.startswith("ok: no critical, no warning")
    assert done.found == {}
    assert "nothing has changed" in done.report
    assert len(history(cluster)) == 2
    assert files(world) == before
    assert {(c.id, c.started_at) for c in world.engine.containers} == containers
    posts = {entry.path for entry in world.pbx.requests[asked:] if entry.method != "GET"}
    assert posts == {"/api/auth/sign_in", "/api/auth/sign_out"}
    passwords = {"ssh": world.password, "clickhouse": world.clickhouse_password}
    hunter = Hunter({**passwords, **{f"pbx {n}": secret for n, secret in enumerate(world.pbx.secrets)}})
    kept = "\n".join((done.report, json.dumps(done.rows), done.run.logs, done.run.message))
    assert hunter.hits(iter([("what is kept", kept.encode())])) == []


def test_each_fault_is_found_and_a_change_of_level_told_once(world: World, cluster: Any) -> None:
    """By its finding and its level, with what is new since the check before; a warning completes under its own name."""
    check(cluster)
    for arrange, ended, finding, words in FAULTS:
        mend = arrange(world)
        try:
            seen = check(cluster)
        finally:
            mend()
        level = "critical" if ended == "FAILED" else "warning"
        assert seen.run.ended == ended, (finding, seen.run.message)
        assert seen.run.state.name == ("Failed" if ended == "FAILED" else "Warning")
        assert seen.run.message.startswith(f"{level}: "), seen.run.message
        assert seen.found[finding] == level
        assert words in next(row["message"] for row in seen.rows if row["id"] == finding)
        assert f"new: `{finding}` ({level})" in seen.report
    wait_until(lambda: check(cluster).found == {}, "all to be well again")
    health = [event for event in events(cluster, 4) if event.startswith("dataflow.health.")]
    assert health == [f"dataflow.health.{word}" for word in ("critical", "warning", "critical", "ok")]


@pytest.mark.matrix
def test_drift_is_noticed_told_once_and_ended_by_a_recreate(world: World, cluster: Any) -> None:
    """A change that makes no containers records what is true once, and hides no drift; new containers, a new record."""
    from flows.recreate import recreate_data_flow

    assert record(world, cluster).startswith("Completed: noted: PBX ")
    recorded, token = world.control.path(BASELINE).read_text(), world.pbx.token
    assert check(cluster).rows[:-1] == []
    world.pbx.private_ipv4 = "192.168.1.30"
    moved = check(cluster)
    assert moved.found == {"drift.pbx-address": "critical"}
    assert "is 192.168.1.30; it was 192.168.1.20" in moved.report
    assert record(world, cluster).startswith("Completed: the containers are still those")
    assert world.control.path(BASELINE).read_text() == recorded
    world.pbx.data_flow.generate()
    drifted = check(cluster)
    assert drifted.found == {"drift.pbx-address": "critical", "drift.token": "critical"}
    assert not {token, world.pbx.token} & set((recorded + drifted.report).replace('"', " ").split())
    made = carry_out(recreate_data_flow, cluster, reason="new token")
    assert made.ended == "COMPLETED", made.message
    assert "noted: PBX 22.3.4.1811 at 192.168.1.30" in made.tasks["baseline"]
    assert check(cluster).found == {}
    assert events(cluster, 4) == [
        "dataflow.health.critical",
        "dataflow.drift.pbx-address",
        "dataflow.drift.token",
        "dataflow.health.ok",
    ]


def test_a_rejected_password_is_sent_once_whatever_the_schedule(world: World, cluster: Any) -> None:
    """The second check asks nobody, and still is critical (promise P9); a lowered finding only warns."""
    wrong = edited(cluster, "pbx", password=SecretStr(f"wrong-{time.time_ns()}"))
    before = world.pbx.bad_sign_ins
    first, second = check(wrong), check(wrong)
    assert world.pbx.bad_sign_ins == before + 1
    assert first.found["pbx.unreachable"] == second.found["pbx.unreachable"] == "critical"
    assert "was rejected before" in second.report
    lowered = check(wrong, lowered=[name for name, level in second.found.items() if level == "critical"])
    assert (lowered.run.ended, lowered.run.state.name) == ("COMPLETED", "Warning")


def test_a_record_that_cannot_be_written_fails_no_change(world: World, cluster: Any) -> None:
    """The change was made and proved; that nothing can be compared later is told by it, and is a note of each check."""
    world.control.path(BASELINE).unlink(missing_ok=True)
    assert "not recorded" in record(world, edited(cluster, "clickhouse", port=1))
    assert not world.control.path(BASELINE).exists()
    done = check(cluster)
    assert (done.found, done.rows[0]["id"]) == ({}, "drift.no-baseline")


def test_all_clusters_are_checked_in_one_run(world: World, cluster: Any) -> None:
    """Each keeps its own report and history; the run is as bad as the worst, and names it."""
    from blocks.cluster import DataFlowCluster
    from flows.health import check_all_data_flow_health
    from tests.sandbox.saved_blocks import save

    up, down = f"{cluster.name}-up", f"{cluster.name}-down"
    edited(save(world, up), name=down, data_path="/var/lib/elsewhere").save(down)
    try:
        run = read_run(check_all_data_flow_health(return_state=True))
    finally:
        for name in (up, down):
            DataFlowCluster.delete(name)
    assert run.ended == "FAILED"
    assert f"; {down}: critical: " in run.message and f"; {up}: " not in run.message
    assert [len(history(edited(cluster, name=name))) for name in (up, down)] == [1, 1]
    assert {f"look {up}", f"look {down}"} <= run.tasks.keys()
