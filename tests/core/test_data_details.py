"""Definitions, fingerprints, the stored text, and ClickHouse's answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows.core.data.answers import read
from flows.core.data.explain import ttl_of
from flows.core.data.fingerprint import fingerprint_question, over
from flows.core.data.questions import check_question, quoted
from flows.core.data.records import DataTable, Part
from flows.core.data.schema import keeps_values, schema_changes
from flows.core.data.snapshot import DataSnapshot, as_json, from_json
from flows.core.data.verdict import Word
from tests.core.data_support import column, mutation, part, store, table, verdict

OLD = [part("all_1_1_0"), part("all_2_2_0")]
MIXED = [part("all_1_3_1", 250)]


TYPES: list[tuple[str, str, bool]] = [
    ("UInt8", "UInt32", True),
    ("UInt8", "Int16", True),
    ("Int8", "UInt16", False),
    ("UInt32", "UInt8", False),
    ("String", "Nullable(String)", True),
    ("Nullable(String)", "String", False),
    ("String", "LowCardinality(String)", True),
    ("Enum8('a' = 1)", "Enum8('a' = 1, 'b' = 2)", True),
    ("Enum8('a' = 1, 'b' = 2)", "Enum8('a' = 1)", False),
    ("DateTime", "DateTime('UTC')", True),
    ("String", "UInt8", False),
]


def test_a_type_keeps_its_values_or_not() -> None:
    """Wider is harmless, narrower may lose."""
    for old, new, keeps in TYPES:
        assert keeps_values(old, new) is keeps, (old, new)


def test_what_changed_in_a_definition_is_told() -> None:
    """Added and renamed columns are harmless, dropped ones and other keys are not."""
    old = [column("a"), column("b"), column("c"), column("d")]
    new = [column("a", "UInt64"), column("x"), column("d", kind="DEFAULT"), column("e")]
    renamed = [mutation(4, "RENAME COLUMN b TO x")]
    found = schema_changes(table(), table(sorting_key="d", primary_key="a"), old, new, renamed)
    assert [(each.text, each.destructive) for each in found] == [
        ("column a was UInt32 and is UInt64", False),
        ("column b was renamed to x", False),
        ("column c was dropped", True),
        ("the default of column d changed", False),
        ("column e was added", False),
        ("the sorting key was (a) and is (d)", True),
    ]


def test_a_longer_sorting_key_and_another_engine() -> None:
    """ADD COLUMN may extend the key; the engine never changes by itself."""
    (longer,) = schema_changes(table(), table(sorting_key="a, b"), [], [])
    (engine,) = schema_changes(table(), table("ReplacingMergeTree"), [], [])
    assert (longer.destructive, engine.destructive) == (False, True)


def test_what_versions_print_differently_is_the_same() -> None:
    """Spaces, quotes, tuple()."""
    assert not schema_changes(table(sorting_key="tuple()"), table(sorting_key=""), [], [])
    assert not schema_changes(table(sorting_key="(a,b)"), table(sorting_key="(`a`, b)"), [], [])


TTLS: list[tuple[str, tuple[bool, bool]]] = [
    ("", (False, False)),
    (" TTL d + toIntervalDay(1) SETTINGS x = 1", (True, False)),
    (" TTL d + toIntervalDay(1) WHERE a = 1", (True, True)),
    (" TTL d + toIntervalDay(1) GROUP BY a SET b = sum(b)", (True, True)),
]


def test_a_ttl_is_read_from_the_definition() -> None:
    """That of a column removes no rows."""
    for clause, told in TTLS:
        ddl = "CREATE TABLE t (`a` UInt8, `s` String TTL d + toIntervalDay(1)) ENGINE = MergeTree ORDER BY a" + clause
        assert ttl_of(table(ddl=ddl)) == told


def test_a_fingerprint_asks_for_each_type_in_its_own_way() -> None:
    """NULL, arrays and states would spoil a plain hash."""
    columns = [
        column("a"),
        column("n", "Nullable(UInt8)"),
        column("l", "Array(Nullable(UInt8))"),
        column("s", "AggregateFunction(sum, UInt8)"),
        column("alias", kind="ALIAS"),
    ]
    assert fingerprint_question(table("ReplacingMergeTree"), columns) == (
        "SELECT _partition_id AS __fp_p, count() AS __fp_n, sum(cityHash64(`a`, "
        "isNull(`n`), ifNull(toString(`n`), ''), isNull(`l`), ifNull(toString(`l`), ''), "
        "ifNull(toString(finalizeAggregation(`s`)), ''))) AS __fp_h "
        "FROM `default`.`cdr` FINAL GROUP BY __fp_p ORDER BY __fp_p"
    )
    assert "FINAL" not in fingerprint_question(table(), columns)
    assert "_partition_id" not in fingerprint_question(table("Log"), columns)
    assert fingerprint_question(table(), columns[4:]) == ""
    assert over(columns[:1]) == "a UInt32"


def deep(snapshot: DataSnapshot, rows: int, content: int, columns: str = "a UInt32") -> DataSnapshot:
    """The snapshot with a fingerprint of its one partition."""
    made = {"default.cdr": columns}
    return replace(snapshot, fingerprints={"default.cdr": {"all": (rows, content)}}, fingerprinted=made)


def test_the_same_content_proves_what_was_unproven() -> None:
    """Only the same: new rows in it, or other columns, leave it unproven."""
    before = deep(store(OLD), 200, 7)
    assert verdict(before, deep(store(MIXED), 200, 7)).word is not Word.UNPROVEN
    assert verdict(before, deep(store(MIXED), 250, 9)).word is Word.UNPROVEN
    assert verdict(before, deep(store(MIXED), 200, 7, "b UInt32")).word is Word.UNPROVEN
    assert verdict(before, store(MIXED)).word is Word.UNPROVEN


def test_the_early_content_proves_what_a_merge_hides_later() -> None:
    """All old rows were read then; what is new came after."""
    early = deep(store([part("all_1_2_1", 200)]), 200, 7)
    found = verdict(deep(store(OLD), 200, 7), deep(store(MIXED), 250, 9), early)
    assert (found.word, found.grew, found.lost) == (Word.GREW, 50, 0)


def test_the_same_content_proves_what_an_engine_merged() -> None:
    """With FINAL on both sides."""
    before, after = store(OLD, engine="SummingMergeTree"), store([part("all_1_2_1", 120)], engine="SummingMergeTree")
    found = verdict(deep(before, 90, 7), deep(after, 90, 7))
    assert (found.word, found.lost) == (Word.SHRANK_EXPLAINED, 0)
    assert "the very same content" in found.why
    assert verdict(deep(before, 90, 7), deep(after, 90, 8)).severity == "warning"


def test_other_content_in_the_same_parts_is_unproven() -> None:
    """Nothing else tells of it."""
    found = verdict(deep(store(OLD), 200, 7), deep(store(OLD), 200, 8))
    assert found.word is Word.UNPROVEN
    assert "other content in partition all" in found.why


def test_content_never_hides_a_loss() -> None:
    """Even if a sum of hashes were equal by chance."""
    assert verdict(deep(store(OLD), 200, 7), deep(store(OLD[:1]), 200, 7)).word is Word.LOST


def test_an_older_text_is_read_and_a_newer_one_refused() -> None:
    """Fields that are missing have their usual values, unknown ones are left out."""
    text = json.loads(as_json(store(OLD, columns=(column("a"),))))
    del text["errors"]
    text["parts"]["names"][0] = "something_else"
    text["parts"]["names"].append("database")
    text["parts"]["rows"] = [[*row, "default"] for row in text["parts"]["rows"]]
    text["unknown"] = 1
    assert from_json(json.dumps(text)) == store(OLD, columns=(column("a"),))
    with pytest.raises(ValueError, match="newer than this release"):
        from_json(json.dumps({**text, "format": 99}))


NO_SNAPSHOTS: list[str] = ["", "[]", "{}", '{"format": 1}', "null", '{"format": 1, "parts": {"names": []}}']


def test_what_is_no_snapshot_is_refused() -> None:
    """With one kind of error."""
    for text in NO_SNAPSHOTS:
        with pytest.raises(ValueError):
            from_json(text)


def test_answers_may_come_quoted_or_empty() -> None:
    """Figures and flags; what was not asked for keeps its usual value."""
    row = {"database": "d", "table": "t", "partition_id": "all", "name": "all_1_1_0", "minb": "1", "maxb": "1"}
    (found,) = read(Part, [{**row, "rows": "5", "lwd": "0", "active": "1", "ttl_max": None}])
    assert (found.rows, found.lwd, found.active, found.ttl_max, found.level) == (5, False, True, 0, 0)
    (one,) = read(DataTable, [{"database": "d", "name": "t", "uuid": "", "engine": "File", "total_rows": None}])
    assert one.total_rows is None
    assert read(Part, []) == ()


def test_names_are_quoted() -> None:
    """A table may be named anything."""
    assert quoted("d", "we`ird\\") == "`d`.`we\\`ird\\\\`"
    assert check_question("d", "t", "it's") == "CHECK TABLE `d`.`t` PART 'it\\'s'"


def test_rows_are_counted_once() -> None:
    """Inactive parts, views and buffers hold rows that are counted elsewhere."""
    tables = [
        table(),
        table("Log", name="l", total_rows=5),
        table("Buffer", name="b", total_rows=9, has_own_data=False),
    ]
    assert store([*OLD, part("all_0_0_0", active=False)], tables).rows == 205
