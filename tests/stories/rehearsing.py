"""Rehearsing an upgrade on real engines: it tells what the upgrade would find, and the service notices nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Run, read_run
from tests.flows.story_support import refused_by
from tests.flows.support import STATE, FlowRun, lock_of, wait_until
from tests.sandbox.docker_damage import cut
from tests.sandbox.world import World
from tests.stories.serving import control
from tests.stories.words import DATA, begin, both, carry_out, history, identities, nothing_is_lost, running
from tests.stories.worlds import Wanted, in_world

TAKING_CALLS: dict[str, Any] = {"installed": "24.8", "live_calls": True}
REHEARSED = Wanted(shared="rehearsed", **TAKING_CALLS)
COPIES = "/var/lib/portsip/.dataflow-rehearsal"
ANCIENT = f"{DATA}/metadata/old.sql"
ANCIENT_TEXT = "ATTACH DATABASE old\nENGINE = MaterializedMySQL('127.0.0.1:3306', 'pbx', 'pbx', 'none')\n"
BUSY = "rehearsal.server-busy"  # as the machine of the tests always is


def rehearse(cluster: Any, **parameters: Any) -> Run:
    """Rehearse the upgrade to the block's ClickHouse."""
    from flows.rehearse import rehearse_upgrade_data_flow

    words = {"requested_by": "a test", "lowered": [BUSY], "return_state": True, **parameters}
    patient = cluster.model_copy(update={"settle_timeout": 240.0})  # a fifth of a core, on a machine with more to do
    return read_run(rehearse_upgrade_data_flow(patient, **words))


def upgrade(cluster: Any, **parameters: Any) -> Run:
    """Upgrade to it."""
    from flows.upgrade import upgrade_data_flow

    return carry_out(upgrade_data_flow, cluster, **parameters)


def remembered(world: World) -> list[bool]:
    """Whether each rehearsal that the control node remembers passed."""
    place = world.control.path(f"{STATE}/rehearsals.jsonl")
    return [json.loads(line)["passed"] for line in place.read_text().splitlines()] if place.exists() else []


def table_folder(world: World, table: str) -> Path:
    """Where a table of the database `default` keeps its parts."""
    uuid = world.ask(f"SELECT uuid FROM system.tables WHERE database = 'default' AND name = '{table}'").strip()
    return world.server.path(f"{DATA}/store/{uuid[:3]}/{uuid}")


def oldest_part(world: World) -> Path:
    """The largest part of the first month of calls, which nothing merges any more."""
    sql = "SELECT name FROM system.parts WHERE table = 'cdr' AND active ORDER BY partition, rows DESC LIMIT 1"
    return table_folder(world, "cdr") / world.ask(sql).strip()


def written_once(world: World) -> dict[str, tuple[int, int, int, str]]:
    """Inode, size, time and content of every file of every part, and of the file that says whose data this is."""
    top, found = world.server.path(DATA), {}
    walked = os.walk(top / "store")  # which passes over what is merged away meanwhile
    for place in (top / "uuid", *(Path(d, f) for d, _, files in walked if "count.txt" in files for f in files)):
        try:
            seen, digest = place.stat(), hashlib.sha256(place.read_bytes()).hexdigest()
        except FileNotFoundError:
            continue
        found[str(place.relative_to(top))] = (seen.st_ino, seen.st_size, seen.st_mtime_ns, digest)
    return found


@contextmanager
def unnoticed(world: World, cluster: Any) -> Iterator[None]:
    """The service serves on, no shared file was written, no call is missing, and nothing is left on the server."""
    begin(world)
    ids, calls, files = identities(world), history(world), written_once(world)
    yield
    now = written_once(world)
    assert {name: now[name] for name in files if name in now} == {n: files[n] for n in files if n in now}
    assert "uuid" in now
    assert (identities(world), history(world)) == (ids, calls)
    assert lock_of(world) == {}
    nothing_is_left(world, cluster)
    nothing_is_lost(world)


def nothing_is_left(world: World, cluster: Any) -> None:
    """No container, copy or link of any rehearsal is on the server."""
    assert not world.server.path(COPIES).exists()
    assert {place.name for place in world.server.path(DATA).glob("shadow/*")} <= {"increment.txt"}  # its own counter
    assert not world.control.path(f"{STATE}/rehearsal.json").exists()
    assert "rehearsal" not in containers_of(cluster)


def containers_of(cluster: Any) -> str:
    """The names of every container on the server."""
    with cluster.server.get_client(name="server") as ssh:
        return str(ssh.run("docker ps -a --format '{{.Names}}'").stdout)


@contextmanager
def another(place: Path, text: str) -> Iterator[None]:
    """Another text in a file, which ClickHouse reads at its next start only; what was there comes back."""
    before = place.read_text() if place.exists() else None
    place.write_text(text)
    try:
        yield
    finally:
        place.unlink() if before is None else place.write_text(before)


@pytest.mark.matrix
@in_world(Wanted(**TAKING_CALLS))
def test_an_upgrade_that_asks_for_a_rehearsal_goes_well_after_one(world: World, cluster: Any) -> None:
    """Without one it is refused; a rehearsal passes while calls come in and leaves nothing; then the upgrade does."""
    refused_by(
        upgrade(cluster, require_rehearsal=7), "upgrade.not-rehearsed", "no rehearsal of portsip/clickhouse:25.8"
    )
    with unnoticed(world, cluster):
        run = rehearse(cluster, requested_by="Ada", ticket="CHG-9")
        assert run.ended == "COMPLETED", run.message
    assert "Nothing was lost" in run.message
    for said in (
        "Ada",
        "CHG-9",
        "| default.cdr |",
        "What would not go back",
        "write_marks_for_substreams",
        "unwritten",
        "in its own tables: Nothing was lost",
    ):
        assert said in run.report, said
    assert remembered(world) == [True]
    before = history(world)
    real = upgrade(cluster, require_rehearsal=7)
    assert real.ended == "COMPLETED", real.message
    assert world.ask("SELECT version()").startswith("25.8")
    assert history(world) == before
    nothing_is_lost(world)


@pytest.mark.matrix
@in_world(Wanted(**TAKING_CALLS))
def test_a_stopped_service_is_rehearsed_from_its_files_and_stays_stopped(world: World, cluster: Any) -> None:
    """Its own image tells what is in them, and also which part it could not read itself at its next start."""
    begin(world)
    ids, calls = identities(world), history(world)
    assert control(cluster, "stop").ended == "COMPLETED"
    files = written_once(world)
    run = rehearse(cluster)
    assert run.ended == "COMPLETED", run.message
    for said in ("Nothing was lost", "| default.cdr |", "was stopped", "ClickHouse 24.8", "unwritten"):
        assert said in run.report, run.report
    assert (written_once(world), running(world), identities(world)) == (files, both(world, False), ids)
    nothing_is_left(world, cluster)

    assert control(cluster, "start").ended == "COMPLETED"
    assert history(world) == calls
    nothing_is_lost(world)
    part = oldest_part(world)
    assert control(cluster, "stop").ended == "COMPLETED"
    cut(part)
    damaged = rehearse(cluster)
    assert damaged.ended == "FAILED"
    for said in ("ClickHouse 24.8", "itself sets aside", part.name, "broken-on-start"):
        assert said in damaged.message, damaged.message
    assert remembered(world) == [True, False]
    assert running(world) == both(world, False)
    nothing_is_left(world, cluster)


@in_world(REHEARSED)
def test_what_the_new_clickhouse_cannot_load_fails_the_rehearsal_alone(world: World, cluster: Any) -> None:
    """A definition that is garbage, a database engine that it does not know: each is named, and the service serves."""
    table = table_folder(world, "agents")
    definition = next(world.server.path(DATA).glob("store/*/*/agents.sql"))
    for place, text, said in (
        (definition, f"ATTACH TABLE _ UUID '{table.name}'\n(garbage", "agents"),
        (world.server.path(ANCIENT), ANCIENT_TEXT, "MaterializedMySQL"),
    ):
        with unnoticed(world, cluster), another(place, text):
            run = rehearse(cluster)
        assert run.ended == "FAILED"
        assert said in run.message, run.message
        assert "The service was not touched" in run.message
    assert remembered(world) == [False, False]


@in_world(REHEARSED)
def test_a_server_without_room_is_told_the_figures(world: World, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is pulled, copied or started on a server whose disk, memory and time do not allow it."""
    for name, value in {"DISK_LEFT_GIB": 1 << 30, "MEMORY_LEFT_GIB": 1 << 30, "BUSY": -1}.items():
        monkeypatch.setattr(f"flows.core.rehearsal_room.REHEARSAL_{name}", value)
    with unnoticed(world, cluster):
        run = rehearse(cluster, lowered=[])
    assert run.ended == "FAILED"
    for said in ("rehearsal.no-room", "rehearsal.no-memory", BUSY, "1048576.0 TiB have to", "are free", "vCPU"):
        assert said in run.message, run.message
    assert "Nothing was changed" in run.message
    assert "copy-data" not in run.tasks
    assert "pull-image" not in run.tasks


@in_world(REHEARSED)
def test_what_a_killed_worker_left_is_removed(world: World, cluster: Any, prefect_server: str) -> None:
    """Its container, copy, links and lock stay; reconciling removes them, and the next rehearsal would have, too."""
    from flows.reconcile import reconcile_data_flow
    from tests.sandbox.saved_blocks import save

    block = save(world, "sandbox")
    with unnoticed(world, cluster):
        dead = FlowRun(block, entrypoint="flows.rehearse.rehearse_upgrade_data_flow", lowered=[BUSY])
        with dead.process(prefect_server) as process:
            wait_until(lambda: "rehearsal" in containers_of(cluster), "the container of the copy")
            process.kill()
        assert list(world.server.path(COPIES).iterdir())
        assert lock_of(world)["kind"] == "rehearse"
        dead.crashed()
        run = read_run(reconcile_data_flow(block, return_state=True))
        assert run.ended == "COMPLETED", run.message
        assert "dataflow-flows.rehearsal" in run.tasks["remove-rehearsal"]
