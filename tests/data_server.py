"""A real ClickHouse whose tables are filled, damaged while it is down, and worked on: with a look at each stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from blocks.clickhouse import ClickHouseClient
from flows.core.data.snapshot import DataSnapshot
from flows.tasks.data import read_data
from flows.tasks.data_deep import check_parts
from tests.data_scenarios import RESTART, STATEMENTS, Scenario
from tests.engine_support import server_on


@contextmanager
def clickhouse(folder: Path, version: str = "25.8") -> Iterator[ClickHouseClient]:
    """A client of a server that runs on this folder until the end of the block."""
    with (
        server_on(folder, version) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=30) as http,
    ):
        yield ClickHouseClient("ClickHouse", http, "default")


def create(client: ClickHouseClient, scenarios: tuple[Scenario, ...]) -> None:
    """Make every table."""
    for scenario in scenarios:
        for sql in scenario.create():
            client.execute(sql, max_threads=1)


def play(client: ClickHouseClient, scenarios: tuple[Scenario, ...]) -> None:
    """Do on the running server what each case asks for."""
    for scenario in scenarios:
        for sql in scenario.then:
            client.execute(sql.format(scenario.name), max_threads=1, mutations_sync=1)


def damage(before: DataSnapshot, folder: Path, scenarios: tuple[Scenario, ...]) -> None:
    """Do to the files of each table what its case asks for."""
    for scenario in scenarios:
        if scenario.damage:
            scenario.damage(table_folder(folder, before, scenario.name))


def table_folder(folder: Path, snapshot: DataSnapshot, name: str) -> Path:
    """Where the server keeps the files of a table."""
    (uuid,) = [table.uuid for table in snapshot.tables if table.name == name]
    return folder / "clickhouse" / "data" / "store" / uuid[:3] / uuid


@dataclass(frozen=True)
class Played:
    """What all snapshots of the one server are."""

    before: DataSnapshot
    early: DataSnapshot
    after: DataSnapshot
    settled: DataSnapshot  # before the statements
    deep: DataSnapshot  # the same, with changed parts checked
    changed: DataSnapshot  # after them
    changed_deep: DataSnapshot


def play_everything(folder: Path) -> Played:
    """One server: filled, stopped, damaged, started, worked on."""
    with clickhouse(folder) as client:
        create(client, RESTART)
        create(client, STATEMENTS)
        for database in ("forgotten", "lost_metadata"):
            client.execute(f"CREATE DATABASE {database}")
            client.execute(f"CREATE TABLE {database}.t (a UInt32) ENGINE = MergeTree ORDER BY a")
            client.execute(f"INSERT INTO {database}.t SELECT number FROM numbers(100)")
        before = read_data(client, deep=True)
    damage(before, folder, RESTART)
    forget(folder / "clickhouse" / "data")
    with clickhouse(folder) as client:
        early = read_data(client)
        play(client, RESTART)
        after = read_data(client)
        settled = read_data(client, deep=True, like=before)
        deep = check_parts(client, before, settled)
        play(client, STATEMENTS)
        changed = read_data(client)
        changed_deep = read_data(client, deep=True, like=settled)
    return Played(before, early, after, settled, deep, changed, changed_deep)


def forget(data: Path) -> None:
    """Take away the definition of a database, and that of a table in another one."""
    (data / "metadata" / "forgotten.sql").unlink()
    (data / "metadata" / "forgotten").unlink()
    (data / "metadata" / "lost_metadata" / "t.sql").unlink()
