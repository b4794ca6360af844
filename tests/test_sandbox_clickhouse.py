"""Real ClickHouse servers in the sandbox: what a recreate, an upgrade, a typo, a password really do."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient

from tests.blocks.docker_support import (
    DATA_PATH,
    HISTORY,
    ask,
    data_flow,
    healthy,
    running_engine,
    start_clickhouse,
    until,
)
from tests.sandbox.clickhouse import WHEELS, ensure_engine
from tests.sandbox.docker_engine import Engine
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

TABLES = {"agents", "answered_calls", "cdr", "cdr_to_daily_counters", "daily_counters", "queue_events"}


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[tuple[Engine, DockerClient]]:
    """An engine with the images of the guide."""
    with running_engine(tmp_path) as both:
        yield both


def test_clickhouse_is_up_and_healthy_at_once(setup: tuple[Engine, DockerClient]) -> None:
    """The very server that a customer has, ready in about a second."""
    engine, client = setup
    began = time.monotonic()
    container = healthy(start_clickhouse(client))
    assert time.monotonic() - began < 60  # alone on two cores: about one
    assert ask(engine, "SELECT version()").startswith("25.8")
    assert container.attrs["Mounts"][0]["Source"] == f"{DATA_PATH}/clickhouse/data"


def test_the_engine_has_the_real_servers_defaults(setup: tuple[Engine, DockerClient]) -> None:
    """The wheels change some; what a customer has counts."""
    engine, client = setup
    healthy(start_clickhouse(client))
    assert ask(engine, "SELECT getSetting('mutations_sync')") == "0"
    assert ask(engine, "SELECT value FROM system.merge_tree_settings WHERE name = 'old_parts_lifetime'") == "480"


def test_the_first_start_imports_the_call_history(setup: tuple[Engine, DockerClient]) -> None:
    """`initdt` makes the tables, `serve` fills them once."""
    engine, client = setup
    healthy(start_clickhouse(client))
    assert data_flow(client, "initdt_dataflow.sh", "initdt", name="portsip.dataflow_initdt").wait()["StatusCode"] == 0
    assert set(ask(engine, "SHOW TABLES").split()) == TABLES
    service = healthy(data_flow(client, "/usr/local/bin/dataflow", "serve"))
    assert ask(engine, "SELECT count() FROM cdr") == str(HISTORY)
    assert int(ask(engine, "SELECT uniqExact(toYYYYMM(started_at)) FROM cdr")) >= 6
    assert ask(engine, "SELECT sum(calls) FROM daily_counters") == str(HISTORY)
    service.restart()
    healthy(service)
    assert ask(engine, "SELECT count() FROM cdr") == str(HISTORY)


def test_a_recreate_keeps_the_rows(setup: tuple[Engine, DockerClient]) -> None:
    """The container goes, the folder stays: same server id, same rows."""
    engine, client = setup
    container = healthy(start_clickhouse(client))
    ask(engine, "CREATE TABLE t (x UInt32) ENGINE = MergeTree ORDER BY x")
    ask(engine, "INSERT INTO t SELECT number FROM numbers(1000)")
    before = ask(engine, "SELECT serverUUID()")
    container.stop(timeout=20)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0
    container.remove()
    healthy(start_clickhouse(client))
    assert ask(engine, "SELECT serverUUID(), (SELECT count() FROM t)") == f"{before}\t1000"


def test_an_upgrade_keeps_the_rows(tmp_path: Path) -> None:
    """24.8 writes, 25.8 reads: two real versions on one folder."""
    with running_engine(tmp_path, "portsip/clickhouse:24.8", "portsip/clickhouse:25.8") as (engine, client):
        old = healthy(start_clickhouse(client, "24.8"))
        ask(engine, "CREATE TABLE t (x UInt32) ENGINE = MergeTree ORDER BY x")
        ask(engine, "INSERT INTO t SELECT number FROM numbers(1000)")
        old.stop(timeout=20)
        old.remove()
        healthy(start_clickhouse(client, "25.8"))
        assert ask(engine, "SELECT version()").startswith("25.8")
        assert ask(engine, "SELECT count() FROM t") == "1000"


def test_a_typo_in_the_path_is_an_empty_store(setup: tuple[Engine, DockerClient]) -> None:
    """docker makes the folder, ClickHouse makes a database, everything is healthy and nothing is there."""
    engine, client = setup
    first = healthy(start_clickhouse(client))
    before = ask(engine, "SELECT serverUUID()")
    first.remove(force=True)
    healthy(start_clickhouse(client, volumes=["/var/lib/portsipp/clickhouse/data:/var/lib/clickhouse"]))
    assert ask(engine, "SELECT serverUUID()") != before


def test_another_password_locks_the_application_out(setup: tuple[Engine, DockerClient]) -> None:
    """The password is the container's, not the data folder's."""
    engine, client = setup
    healthy(start_clickhouse(client)).remove(force=True)
    healthy(start_clickhouse(client, password="another"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(engine, "SELECT 1")
    assert caught.value.code == 401
    assert ask(engine, "SELECT 1", "another") == "1"


def test_without_a_password_everybody_may_ask(setup: tuple[Engine, DockerClient]) -> None:
    """What the vendor's script does when the key is missing in system.ini."""
    engine, client = setup
    healthy(start_clickhouse(client, password=""))
    assert ask(engine, "SELECT 1", "") == "1"


def test_two_servers_on_one_folder_fail(setup: tuple[Engine, DockerClient]) -> None:
    """The second one finds the lock file and ends with 76."""
    _, client = setup
    healthy(start_clickhouse(client))
    second = start_clickhouse(client, name="second", restart_policy={"Name": "no"})
    assert second.wait()["StatusCode"] == 76


def test_a_lost_part_is_really_lost(setup: tuple[Engine, DockerClient]) -> None:
    """Healthy, but with fewer rows: what a verification has to notice."""
    engine, client = setup
    container = healthy(start_clickhouse(client))
    healthy(data_flow(client, "/usr/local/bin/dataflow", "serve"))
    container.stop(timeout=20)
    engine.faults.lose_part_of.add("cdr")
    container.start()
    healthy(container)
    assert 0 < int(ask(engine, "SELECT count() FROM cdr")) < HISTORY
    assert engine.faults.lost[0].startswith("cdr/")


SERVE = ("/usr/local/bin/dataflow", "serve", "-a", "192.168.1.20", "-x", "192.168.1.26", "-z", "203.0.113.9")


def test_data_flow_registers_with_the_pbx(setup: tuple[Engine, DockerClient]) -> None:
    """The token that exists at the start is shown to the PBX, whose page then has the addresses."""
    engine, client = setup
    with Pbx() as pbx:
        pbx.data_flow.register_needs_whitelist = False
        pbx.data_flow.generate()
        engine.set_pbx(pbx.url, lambda: pbx.data_flow.token)
        healthy(start_clickhouse(client))
        service = healthy(data_flow(client, *SERVE))
        until(lambda: pbx.data_flow.row["private_ipv4"] == "192.168.1.26")
        assert pbx.data_flow.row["public_ipv4"] == "203.0.113.9"
        process = f"/proc/{service.attrs['State']['Pid']}"
        for seen in (service.logs(), Path(process, "cmdline").read_bytes(), Path(process, "environ").read_bytes()):
            assert pbx.data_flow.token.encode() not in seen


def test_a_new_token_needs_a_new_container(setup: tuple[Engine, DockerClient]) -> None:
    """A running container keeps the token that it was started with."""
    engine, client = setup
    with Pbx() as pbx:
        pbx.data_flow.register_needs_whitelist = False
        engine.set_pbx(pbx.url, lambda: pbx.data_flow.token)
        healthy(start_clickhouse(client))
        service = healthy(data_flow(client, *SERVE))
        until(lambda: b"the PBX says 401" in service.logs())
        pbx.data_flow.generate()
        service.remove(force=True)
        healthy(data_flow(client, *SERVE))
        until(lambda: pbx.data_flow.row["private_ipv4"] == "192.168.1.26")


def test_an_engine_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is downloaded is what was tried; nothing half-made stays in the cache."""
    wheel = tmp_path / "index" / "chdb-3.7.2-cp38-abi3-manylinux2014_x86_64.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("chdb/_chdb.abi3.so", "not the engine")
        file.writestr("chdb-3.7.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: chdb\nVersion: 3.7.2\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("DATAFLOW_SANDBOX_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RuntimeError, match="HASHES"):
        ensure_engine("25.8", say=lambda _: None)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".chdb-3.7.2.lock"]


def test_an_engine_is_unpacked_whole_and_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the library is kept of a wheel, and the second call finds it without a download."""
    wheel = tmp_path / "index" / "chdb-3.7.2-cp38-abi3-manylinux2014_x86_64.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("chdb/_chdb.abi3.so", "an engine")
        file.writestr("chdb/__init__.py", "")
        file.writestr("chdb-3.7.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: chdb\nVersion: 3.7.2\n")
        file.writestr("chdb-3.7.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp38-abi3-manylinux2014_x86_64\n")
    hash = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setitem(WHEELS, "25.8", replace(WHEELS["25.8"], sha256=hash))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("DATAFLOW_SANDBOX_CACHE", str(tmp_path / "cache"))
    said: list[str] = []
    library = ensure_engine("25.8", say=said.append)
    assert [path.name for path in library.parents[1].rglob("*") if path.is_file()] == ["_chdb.abi3.so"]
    assert ensure_engine("25.8", say=said.append) == library
    assert len(said) == 3
