"""The verdicts on real ClickHouse servers: tables are damaged on disk or by statements, and each must be told.

One server is started, damaged while it is down, and started again; every table is a case of its own.
"""

from __future__ import annotations

import fcntl
import os
import pickle
from contextlib import suppress
from pathlib import Path

import pytest

from flows.core.data.compare import compare
from flows.core.data.snapshot import as_json, from_json
from flows.core.data.verdict import SERVER, Verdict, Word
from flows.errors import APIError
from flows.tasks.data import flush, quiet, read_data
from flows.tasks.data_deep import check_parts
from tests.data_scenarios import PLAIN, RESTART, STATEMENTS, Scenario, flip, write
from tests.data_server import Played, clickhouse, create, damage, play_everything, table_folder

ODD = """a UInt32, n Nullable(String), l Array(Nullable(UInt8)), m Map(String, UInt8), i IPv4, e Enum8('x' = 1),
    lc LowCardinality(Nullable(String)), t Tuple(UInt8, Nullable(Float64)), d DateTime64(3, 'UTC')"""
ODD_ROWS = """number, if(number % 2, NULL, 'x'), [NULL, 1], map('k', 1), '127.0.0.1', 'x', NULL, (1, NULL),
    toDateTime64(number, 3, 'UTC')"""
"""Types whose hash is NULL, fails, or differs between versions when it is made carelessly."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The snapshots of one server that met everything; who comes first makes them for every worker."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "played"
    with shared.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not file.seek(0, os.SEEK_END):
            pickle.dump(play_everything(tmp_path_factory.mktemp("store") / "server"), file)
    found = pickle.loads(shared.read_bytes())
    assert isinstance(found, Played)
    return found


def named(verdict: Verdict, name: str, database: str = "default") -> Word:
    """The word of one table; the whole verdict is shown when it is not as wanted."""
    (found,) = [each for each in verdict.tables if each.table == f"{database}.{name}"]
    print(found)
    return found.word


@pytest.mark.parametrize("scenario", RESTART, ids=lambda each: each.name)
def test_what_a_restart_brings_is_told(played: Played, scenario: Scenario) -> None:
    """By one snapshot after it, and by two."""
    assert named(compare(played.before, played.after), scenario.name) is scenario.word
    with_early = compare(played.before, played.after, early=played.early)
    assert named(with_early, scenario.name) is (scenario.early or scenario.word)


@pytest.mark.parametrize("scenario", STATEMENTS, ids=lambda each: each.name)
def test_what_a_statement_does_is_told(played: Played, scenario: Scenario) -> None:
    """With the severity that goes with it."""
    verdict = compare(played.settled, played.changed)
    assert named(verdict, scenario.name) is scenario.word
    (found,) = [each for each in verdict.tables if each.table == f"default.{scenario.name}"]
    wanted = scenario.failed if scenario.failed is not None else found.word.rank >= Word.LOST.rank
    assert (found.severity == "failure") is wanted


@pytest.mark.parametrize("database", ["forgotten", "lost_metadata"])
def test_a_table_without_its_definition_is_missing(played: Played, database: str) -> None:
    """Its files are there, but nobody knows them."""
    assert named(compare(played.before, played.after), "t", database) is Word.MISSING


def test_only_reading_finds_a_flipped_bit(played: Played) -> None:
    """Counts and parts are as before; deep mode reads."""
    assert named(compare(played.before, played.deep), "bit_flipped") is Word.UNREADABLE


@pytest.mark.parametrize("name", ["replacing", "summing"])
def test_deep_mode_proves_what_an_engine_merged(played: Played, name: str) -> None:
    """The same content before and after, when equal rows are merged on both sides."""
    (found,) = [each for each in compare(played.before, played.deep).tables if each.table == f"default.{name}"]
    assert found.word is Word.SHRANK_EXPLAINED
    assert "deep mode found the very same content" in found.why


def test_checking_changed_parts_raises_no_false_alarm(played: Played) -> None:
    """Parts that the server merged are read in full; only what was damaged is told."""
    assert played.deep.unreadable.keys() == {f"default.{name}" for name in ("bit_flipped", "log_cut", "stripe_log_cut")}


def test_deep_mode_does_not_prove_what_cannot_be(played: Played) -> None:
    """New rows came in before anybody looked: the content differs, whatever else is true."""
    assert named(compare(played.before, played.deep), "gap_merged") is Word.UNPROVEN


def test_deep_mode_takes_a_new_column_for_none(played: Played) -> None:
    """It hashes the columns of the first snapshot."""
    content = played.settled.fingerprints, played.changed_deep.fingerprints
    assert content[0] and content[1]
    assert content[0]["default.add_column"] == content[1]["default.add_column"]
    assert content[0]["default.update"] != content[1]["default.update"]


def test_a_loss_is_told_in_words(played: Played) -> None:
    """With the part's name, for somebody who has never heard of parts."""
    (found,) = [t for t in compare(played.before, played.after).tables if t.table == "default.part_deleted"]
    assert (found.rows_before, found.rows_after, found.lost) == (500, 400, 100)
    assert (
        found.why == "100 rows of 1 part (all_3_3_0) of the table are gone: no part holds them and nothing explains it"
    )


def test_a_real_snapshot_survives_its_text(played: Played) -> None:
    """As it is kept on the control node."""
    assert from_json(as_json(played.deep)) == played.deep


def test_an_empty_folder_is_the_wrong_one(played: Played, tmp_path: Path) -> None:
    """Healthy and empty: a typo in the path."""
    with clickhouse(tmp_path / "server") as client:
        verdict = compare(played.before, read_data(client))
    assert (verdict.word, verdict.failed) == (Word.WRONG_DATA_DIR, True)
    assert [each.table for each in verdict.tables if each.word is Word.WRONG_DATA_DIR] == [SERVER]


def test_a_table_that_does_not_load_is_named(tmp_path: Path) -> None:
    """Every question about tables fails then; the error says which table it is."""
    bad = Scenario(
        "bad",
        Word.UNREADABLE,
        storage=f"{PLAIN}, max_suspicious_broken_parts = 0",
        damage=write("all_2_2_0/columns.txt", "garbage"),
    )
    with clickhouse(tmp_path / "server") as client:
        create(client, (Scenario("good", Word.OK), bad))
        before = read_data(client)
    damage(before, tmp_path / "server", (bad,))
    told: tuple[APIError, str] | None = None
    for _ in range(3):
        # Such a server may also end by itself (at its start or stop) with an error; what it said counts.
        with suppress(AssertionError), clickhouse(tmp_path / "server") as client:
            with pytest.raises(APIError) as caught:
                read_data(client)
            told = caught.value, quiet(client)
        if told:
            break
    assert told
    error, trouble = told
    assert error.code == 722
    assert "default.bad" in error.answer
    assert "start no writer" in error.hint
    assert "default.bad" in trouble


def test_an_upgrade_keeps_every_part_and_its_content(tmp_path: Path) -> None:
    """24.8 writes every engine, 25.8 reads it: same parts, same content, even after all is merged."""
    kept = tuple(each for each in RESTART if each.word in (Word.OK, Word.SHRANK_EXPLAINED) and not each.damage)
    kept = tuple(each for each in kept if not each.name.startswith(("expired", "buffer")))
    with clickhouse(tmp_path / "server", "24.8") as client:
        create(client, kept)
        client.execute(f"CREATE TABLE odd ({ODD}) ENGINE = MergeTree ORDER BY a")
        client.execute(f"INSERT INTO odd SELECT {ODD_ROWS} FROM numbers(300)")
        client.execute("ALTER TABLE plain DELETE WHERE a = 1", mutations_sync=1)
        flush(client)
        before = read_data(client, deep=True)
    with clickhouse(tmp_path / "server", "25.8") as client:
        early = read_data(client, deep=True, like=before)
        client.execute("OPTIMIZE TABLE odd FINAL")
        client.execute("OPTIMIZE TABLE plain FINAL")
        after = read_data(client, deep=True, like=before)
    assert (before.version[:4], after.version[:4]) == ("24.8", "25.8")
    assert before.fingerprints == early.fingerprints == after.fingerprints
    for verdict in (compare(before, early), compare(before, after, early=early), compare(before, after)):
        assert {each.word for each in verdict.tables if each.table != "default.in_memory"} == {Word.OK}
    assert len(before.fingerprints or {}) > 8


def test_what_waits_is_flushed_and_a_damaged_new_part_is_found(tmp_path: Path) -> None:
    """A Buffer is written out; CHECK TABLE reads the parts that were not there before."""
    with clickhouse(tmp_path / "server") as client:
        before = read_data(client)
        create(client, tuple(each for each in RESTART if each.name in ("buffered", "buffer", "plain")))
        waiting = read_data(client)
        assert "default.buffer" in flush(client)
        flushed = {each.table: each for each in compare(waiting, read_data(client)).tables}
        assert flushed["default.buffer"].word is Word.OK
        assert flushed["default.buffered"].grew == 500
        assert check_parts(client, before, waiting).unreadable == {}
        flip("all_2_2_0/s.bin")(table_folder(tmp_path / "server", waiting, "plain"))
        found = check_parts(client, before, waiting).unreadable
    assert found.keys() == {"default.plain"}
    assert found["default.plain"].startswith("CHECK TABLE of part all_2_2_0: ")


def test_a_mutation_at_work_is_not_quiet(tmp_path: Path) -> None:
    """Its name and table are told; a change has to wait for it."""
    with clickhouse(tmp_path / "server") as client:
        client.execute("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
        client.execute("INSERT INTO t SELECT number FROM numbers(9)")
        client.execute("SYSTEM STOP MERGES t")
        client.execute("ALTER TABLE t DELETE WHERE a = 1", mutations_sync=0)
        assert quiet(client) == "mutations are not done: mutation_2.txt of default.t (1 parts to do)"
        client.execute("SYSTEM START MERGES t")
