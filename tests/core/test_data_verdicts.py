"""Everything but the parts: wrong folder, missing tables, other engines, the server's own words, the summary."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core.data.compare import compare
from flows.core.data.records import DetachedTable, FailedLoad, Replica, ServerError, Waiting
from flows.core.data.verdict import SERVER, Severity, TableVerdict, Verdict, Word
from tests.core.data_support import NOW, column, part, store, table, verdict

ZERO = "00000000-0000-0000-0000-000000000000"
OLD = [part("all_1_1_0")]
BUFFER = "CREATE TABLE default.buffer (`a` UInt32) ENGINE = Buffer('default', 'cdr', 1, 10, 100, 10, 10, 10, 10)"


def counted(engine: str, rows: int | None, **more: Any) -> Any:
    """A store of one table that only tells a number."""
    return store(tables=[table(engine, total_rows=rows, **more)])


def test_another_server_uuid_is_the_wrong_folder() -> None:
    """Even when the tables look right."""
    found = compare(store(OLD), store(OLD, server_uuid="another"))
    assert (found.word, found.failed) == (Word.WRONG_DATA_DIR, True)
    assert "a wrong folder is mounted" in found.tables[0].why


@pytest.mark.parametrize("uuid", [ZERO, ""])
def test_a_server_without_identity_is_not_the_wrong_one(uuid: str) -> None:
    """Embedded engines tell zeros."""
    assert compare(store(OLD), store(OLD, server_uuid=uuid)).word is Word.OK


def test_a_table_that_is_gone_is_missing() -> None:
    """With the rows it had."""
    found = verdict(store(OLD), store(tables=[]))
    assert (found.word, found.lost, found.rows_after) == (Word.MISSING, 100, None)


@pytest.mark.parametrize(("uuid", "name"), [(table().uuid, "moved"), ("other", "cdr")])
def test_a_detached_table_is_unreadable_not_missing(uuid: str, name: str) -> None:
    """Known by its uuid or its name."""
    after = store(tables=[], detached_tables=(DetachedTable("default", name, uuid),))
    assert verdict(store(OLD), after).word is Word.UNREADABLE


def test_a_new_table_is_no_finding() -> None:
    """A migration made it."""
    found = compare(store(tables=[]), store(OLD))
    assert [(t.word, t.rows_before, t.rows_after) for t in found.tables] == [(Word.NEW_TABLE, None, 100)]
    assert found.severity is Severity.OK


def test_a_table_made_anew_compares_by_counts_only() -> None:
    """As many rows: a warning. Fewer: a loss."""
    anew = [table(uuid="another")]
    assert verdict(store(OLD), store([part("all_1_1_0", content="x")], anew)).word is Word.REPLACED_TABLE
    found = verdict(store(OLD), store([part("all_1_1_0", 90)], anew))
    assert (found.word, found.lost) == (Word.LOST, 10)


def test_tables_without_uuid_are_known_by_name() -> None:
    """A database of the engine Ordinary has none."""
    plain = [table(uuid=ZERO)]
    assert verdict(store(OLD, plain), store(OLD, plain)).word is Word.OK
    assert verdict(store(OLD, plain), store([], plain)).word is Word.LOST


COUNTED: list[tuple[str, int | None, int | None, Word]] = [
    ("Log", 5, 5, Word.OK),
    ("Log", 5, 6, Word.GREW),
    ("Log", 5, 4, Word.LOST),
    ("Join", 5, 4, Word.LOST),
    ("SomethingNew", 5, 4, Word.LOST),
    ("Memory", 5, 0, Word.VOLATILE_RESET),
    ("Memory", 5, 6, Word.GREW),
    ("MaterializedView", 5, 0, Word.OK),
    ("Distributed", None, None, Word.OK),
    ("Log", 5, None, Word.UNPROVEN),
    ("Log", None, 5, Word.OK),
]


def test_other_engines_go_by_their_counts() -> None:
    """Where they hold rows of their own; memory forgets, views hold none."""
    for engine, before, after, word in COUNTED:
        assert verdict(counted(engine, before), counted(engine, after)).word is word, engine


def test_a_count_of_our_own_stands_for_the_engines() -> None:
    """TinyLog and File tell none."""
    found = verdict(counted("TinyLog", None, counted=7), counted("TinyLog", None, counted=5))
    assert (found.word, found.lost) == (Word.LOST, 2)


BUFFERED: list[tuple[int, str, Word, int]] = [
    (7, "MergeTree", Word.OK, 0),
    (0, "MergeTree", Word.LOST, 7),
    (3, "MergeTree", Word.LOST, 4),
    (3, "SummingMergeTree", Word.UNPROVEN, 0),
]


def test_what_waited_in_a_buffer_must_have_arrived() -> None:
    """Its own number counts the rows of its destination too: 107 are 7."""
    for arrived, engine, word, lost in BUFFERED:
        there = [*OLD, part("all_2_2_0", arrived)] if arrived else OLD
        buffer = {"name": "buffer", "uuid": "buffer", "ddl": BUFFER, "has_own_data": False}
        before = store(OLD, [table(engine), table("Buffer", total_rows=107, **buffer)])
        after = store(there, [table(engine), table("Buffer", total_rows=100 + arrived, **buffer)])
        found = next(each for each in compare(before, after).tables if each.table == "default.buffer")
        assert (found.word, found.lost, found.rows_before, found.rows_after) == (word, lost, 7, 0)


def test_a_table_that_cannot_be_read_is_told() -> None:
    """Once; what could not be read before is no news."""
    broken = {"default.cdr": "Checksum doesn't match"}
    found = verdict(store(OLD), store(OLD, unreadable=broken))
    assert found.word is Word.UNREADABLE
    assert "Checksum doesn't match" in found.why
    assert verdict(store(OLD, unreadable=broken), store(OLD, unreadable=broken)).word is Word.OK


def test_replicas_and_queues_speak() -> None:
    """What Keeper and the send queue know."""
    fine, bad = Replica("default", "cdr", False, 0), Replica("default", "cdr", True, 2)
    found = verdict(store(OLD, replicas=(fine,)), store(OLD, replicas=(bad,)))
    assert found.word is Word.UNREADABLE
    assert "read-only" in found.why
    assert "2 lost parts" in found.why
    queue = Waiting("default", "cdr", "distributed", 3, broken=1)
    assert verdict(store(OLD), store(OLD, waiting=(queue,))).word is Word.UNREADABLE


def test_errors_since_the_start_are_suspect() -> None:
    """Those of before are not, unless there are more of them in the same process."""
    error = ServerError("CORRUPTED_DATA", 246, 2, "part x")
    restarted = compare(
        store(OLD, errors=(error,), uptime=9), store(OLD, errors=(error,), taken_at=NOW + 60.0, uptime=9)
    )
    assert [(t.table, t.word) for t in restarted.tables if t.word is not Word.OK] == [(SERVER, Word.SUSPECT_ERROR)]
    assert (restarted.severity, restarted.failed) == (Severity.WARNING, False)
    assert compare(store(OLD, errors=(error,)), store(OLD, errors=(error,))).word is Word.OK


def test_a_failed_load_fails() -> None:
    """Whatever else can be read."""
    found = compare(store(OLD), store(OLD, failed_loads=(FailedLoad("load table default.x", "broken"),)))
    assert (found.word, found.failed) == (Word.UNREADABLE, True)


def test_a_dropped_column_fails_whatever_else_is_true() -> None:
    """The table's word is the worst one, its severity that of the schema."""
    old, new = store(OLD, columns=(column("a"), column("b"))), store([part("all_1_2_1", 150)], columns=(column("a"),))
    found = verdict(old, new)
    assert (found.word, found.severity) == (Word.UNPROVEN, Severity.FAILURE)
    assert "column b was dropped" in found.why


def one(word: Word, lost: int = 0) -> TableVerdict:
    """A table's verdict."""
    return TableVerdict(f"default.{word.lower()}", word, 100, 100 - lost, 0, lost, "why")


SUMMARIES: list[tuple[list[Word], str]] = [
    ([], "Nothing was lost: 0 tables, 0 rows before, 0 after"),
    ([Word.OK], "Nothing was lost: 1 table, 100 rows before, 100 after"),
    ([Word.MUTATED], "Nothing was lost; what changed is explained: default.mutated MUTATED (1 table"),
    ([Word.OK, Word.UNPROVEN], "Not everything is proven: default.unproven UNPROVEN (2 tables"),
    ([Word.OK, Word.UNREADABLE], "The data is not whole: default.unreadable UNREADABLE"),
]


def test_the_summary_is_one_line() -> None:
    """It never says that nothing was lost when that is not known."""
    for words, summary in SUMMARIES:
        assert Verdict(tuple(map(one, words))).summary.startswith(summary)


def test_the_summary_of_a_loss_names_it() -> None:
    """Rows first, then the tables."""
    found = Verdict((one(Word.OK), one(Word.LOST, 5)))
    assert (found.lost, found.failed, found.word) == (5, True, Word.LOST)
    assert found.summary == "5 rows lost or not readable: default.lost LOST (2 tables, 200 rows before, 195 after)"
