"""What must hold for every store: a model that knows each row plays inserts, merges, restarts and losses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from flows.core.data.compare import compare
from flows.core.data.records import Part
from flows.core.data.snapshot import DataSnapshot, as_json, from_json
from flows.core.data.verdict import Severity, TableVerdict
from tests.core.data_support import store, table


@dataclass
class Model:
    """One table whose rows are numbered: block numbers are given as ClickHouse does, again after a loss."""

    rows: dict[str, frozenset[int]] = field(default_factory=dict)  # of every part ever made, by its hash
    active: list[Part] = field(default_factory=list)
    inactive: list[Part] = field(default_factory=list)
    next_block: int = 1
    next_row: int = 0
    keeps_inactive: bool = True

    def insert(self, count: int) -> None:
        """A new part with the next block number."""
        rows = frozenset(range(self.next_row, self.next_row + count))
        self._add(self.next_block, self.next_block, 0, rows)
        self.next_block, self.next_row = self.next_block + 1, self.next_row + count

    def merge(self, first: int, count: int) -> None:
        """Some neighbours become one part."""
        chosen = sorted(self.active, key=lambda each: each.minb)[first : first + count]
        if len(chosen) > 1:
            rows = frozenset().union(*(self.rows[each.hash] for each in chosen))
            self.active = [each for each in self.active if each not in chosen]
            if self.keeps_inactive:
                self.inactive += [replace(each, active=False) for each in chosen]
            level = max(each.level for each in chosen) + 1
            self._add(chosen[0].minb, chosen[-1].maxb, level, rows)

    def lose(self, at: int) -> None:
        """The files of one part are gone."""
        if self.active:
            self.active.pop(at % len(self.active))

    def restart(self) -> None:
        """Numbers go on behind the highest one that is left; what was merged away is cleaned."""
        self.inactive = []
        self.next_block = max((each.maxb for each in self.active), default=0) + 1

    def _add(self, minb: int, maxb: int, level: int, rows: frozenset[int]) -> None:
        content = str(hash((minb, maxb, level, rows)))
        self.rows[content] = rows
        name = f"all_{minb}_{maxb}_{level}"
        self.active.append(Part("default", "t", "all", name, len(rows), minb, maxb, level, ver=minb, hash=content))

    def snapshot(self) -> DataSnapshot:
        """What a look sees."""
        tables = [table(name="t")]
        return store([*self.active, *self.inactive], tables)

    def all_rows(self) -> frozenset[int]:
        """What is really there."""
        return frozenset().union(*(self.rows[each.hash] for each in self.active))


INSERT = st.tuples(st.just("insert"), st.integers(1, 3), st.just(0))
MERGE = st.tuples(st.just("merge"), st.integers(0, 6), st.integers(2, 6))
WORK = st.lists(INSERT | MERGE, max_size=12)
LOSSES = st.lists(st.integers(0, 20), max_size=3)


def work(model: Model, steps: list[tuple[str, int, int]]) -> None:
    """Play inserts and merges."""
    for verb, first, second in steps:
        if verb == "insert":
            model.insert(first)
        else:
            model.merge(first, second)


def played(
    earlier: list[tuple[str, int, int]], losses: list[int], later: list[tuple[str, int, int]], keeps: bool
) -> tuple[TableVerdict, TableVerdict, bool]:
    """The verdicts without and with an early look, and whether all old rows are really there."""
    model = Model(keeps_inactive=keeps)
    work(model, earlier)
    before, rows = model.snapshot(), model.all_rows()
    for at in losses:
        model.lose(at)
    model.restart()
    early = model.snapshot()
    work(model, later)
    after = model.snapshot()
    (blind,), (sharp,) = compare(before, after).tables, compare(before, after, early=early).tables
    return blind, sharp, rows <= model.all_rows()


@given(WORK, LOSSES, WORK, st.booleans())
def test_no_lost_row_is_ever_called_fine(
    earlier: list[tuple[str, int, int]], losses: list[int], later: list[tuple[str, int, int]], keeps: bool
) -> None:
    """Whatever was written and merged afterwards; with the early look it is always called a failure."""
    blind, sharp, whole = played(earlier, losses, later, keeps)
    if not whole:
        assert blind.severity in (Severity.WARNING, Severity.FAILURE)
        assert sharp.severity is Severity.FAILURE


@given(WORK, WORK, st.booleans())
def test_nothing_is_called_lost_that_is_there(
    earlier: list[tuple[str, int, int]], later: list[tuple[str, int, int]], keeps: bool
) -> None:
    """And with the early look everything is proven."""
    blind, sharp, whole = played(earlier, [], later, keeps)
    assert whole
    assert blind.severity is not Severity.FAILURE
    assert (sharp.severity, sharp.lost) == (Severity.OK, 0)


@given(WORK, LOSSES, WORK)
def test_fewer_rows_fail(
    earlier: list[tuple[str, int, int]], losses: list[int], later: list[tuple[str, int, int]]
) -> None:
    """Nothing in this table explains fewer rows."""
    blind, _, _ = played(earlier, losses, later, True)
    assert blind.rows_before is not None
    assert blind.rows_after is not None
    if blind.rows_after < blind.rows_before:
        assert blind.severity is Severity.FAILURE
        assert blind.lost >= blind.rows_before - blind.rows_after


ENGINES = st.sampled_from(["MergeTree", "ReplacingMergeTree", "Log", "Memory", "View", "Distributed", "Buffer"])
ROWS = st.none() | st.integers(0, 9)
PARTS = st.lists(st.tuples(st.sampled_from(["all", "202401"]), st.integers(0, 9), st.booleans()), max_size=5)


@st.composite
def stores(draw: st.DrawFn) -> DataSnapshot:
    """Any store of a few tables."""
    tables, parts = [], []
    for number in range(draw(st.integers(0, 4))):
        engine, rows = draw(ENGINES), draw(ROWS)
        tables.append(table(engine, name=f"t{number}", uuid=f"uuid-{number}", total_rows=rows))
        if engine.endswith("MergeTree"):
            for block, (partition, count, active) in enumerate(draw(PARTS)):
                name = f"{partition}_{block}_{block}_0"
                content = draw(st.sampled_from(["x", "y"]))
                one = Part("default", f"t{number}", partition, name, count, block, block, hash=content, active=active)
                parts.append(one)
    return store(parts, tables)


@given(stores())
def test_a_store_compared_with_itself_is_ok(snapshot: DataSnapshot) -> None:
    """Every table, whatever its engine."""
    verdict = compare(snapshot, snapshot)
    assert {each.word.value for each in verdict.tables} <= {"OK"}
    assert (verdict.failed, verdict.lost, len(verdict.tables)) == (False, 0, len(snapshot.tables))


@given(stores(), stores())
def test_renaming_changes_nothing(before: DataSnapshot, after: DataSnapshot) -> None:
    """Tables are known by their uuid: words and figures stay."""
    renamed = replace(
        after,
        tables=tuple(replace(each, name=f"new_{each.name}") for each in after.tables),
        parts=tuple(replace(each, table=f"new_{each.table}") for each in after.parts),
    )
    plain, moved = compare(before, after), compare(before, renamed)
    known = {each.key for each in before.tables}
    figures = [(e.table, e.word, e.rows_before, e.rows_after, e.grew, e.lost) for e in plain.tables if e.table in known]
    assert figures == [
        (e.table, e.word, e.rows_before, e.rows_after, e.grew, e.lost) for e in moved.tables if e.table in known
    ]
    assert (plain.severity, plain.lost) == (moved.severity, moved.lost)


@given(stores())
def test_a_snapshot_survives_its_text(snapshot: DataSnapshot) -> None:
    """As it is stored on the control node."""
    assert from_json(as_json(snapshot)) == snapshot
