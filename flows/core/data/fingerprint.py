"""A fingerprint of the content that survives merges: the sum of the hashes of all rows, for each partition.

Traps, all of them met (clickhouse.md 2.6): the hash of any NULL is NULL, and a sum skips it; NULL inside an array
cannot be hashed by 24.8; JSON and Variant cannot be hashed at all; states of aggregate functions differ between
versions; XOR would cancel two equal rows; engines that merge equal rows have one content only when asked with FINAL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flows.core.data.engines import Holding, collapses, holding
from flows.core.data.questions import quoted
from flows.core.data.records import Column, DataTable
from flows.core.data.snapshot import DataSnapshot
from flows.core.data.traces import Trace
from flows.core.data.verdict import Word

_PLAIN = re.compile(
    r"(LowCardinality\()?(U?Int\d+|Float\d+|String|FixedString\(\d+\)|Date|Date32|DateTime(64)?(\([^()]*\))?"
    r"|Decimal(\d+)?\([^()]*\)|UUID|IPv4|IPv6|Bool|Enum(8|16)\(.*\))\)?"
)
_NULLABLE = ("Nullable(", "LowCardinality(Nullable(")
SAME = "merged since, but deep mode found the very same content before and after"
PROVED = "deep mode found the very same content before and after"


def fingerprinted(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns that are part of a fingerprint: all that are stored."""
    return tuple(column for column in columns if column.default_kind not in ("ALIAS", "EPHEMERAL"))


def over(columns: Iterable[Column]) -> str:
    """The columns of a fingerprint as one text: two fingerprints compare only when theirs are the same."""
    return ", ".join(f"{column.name} {column.type}" for column in fingerprinted(columns))


def fingerprint_question(table: DataTable, columns: Iterable[Column]) -> str:
    """Rows and hash of each partition, over these columns (those of the first snapshot, for both); "" without any."""
    terms = [term for column in fingerprinted(columns) for term in _terms(column)]
    if not terms:
        return ""
    parted = holding(table) is Holding.PARTS
    partition = "_partition_id" if parted else "''"
    final = " FINAL" if parted and collapses(table.engine) else ""
    return (
        f"SELECT {partition} AS __fp_p, count() AS __fp_n, sum(cityHash64({', '.join(terms)})) AS __fp_h "
        f"FROM {quoted(table.database, table.name)}{final} GROUP BY __fp_p ORDER BY __fp_p"
    )


def _terms(column: Column) -> list[str]:
    name = quoted(column.name)
    if column.type.startswith(_NULLABLE):
        return [f"isNull({name})", f"ifNull(toString({name}), '')"]
    if column.type.startswith("AggregateFunction("):
        # Its result may be Nullable, and NULL would take the whole row out of the sum.
        return [f"ifNull(toString(finalizeAggregation({name})), '')"]
    if _PLAIN.fullmatch(column.type):
        return [name]
    return [f"isNull({name})", f"ifNull(toString({name}), '')"]


def settled(
    found: Sequence[Trace],
    old: tuple[DataSnapshot, str],
    new: tuple[DataSnapshot, str],
    early: tuple[DataSnapshot, str],
) -> list[Trace]:
    """The traces, with those settled that the content proves; each side is a snapshot and the table's name in it.

    The same content now proves that nothing happened to the partition. The same content in the early snapshot proves
    that every old row was read after the restart; what was merged with them later is new. Where new rows came in
    before, the content differs, and what was unproven stays unproven.
    """
    now, then = _equal(old, new), _equal(old, early)
    return [_settle(trace, now, then) for trace in found]


def differing(old: tuple[DataSnapshot, str], new: tuple[DataSnapshot, str]) -> frozenset[str]:
    """The partitions whose content is known on both sides and differs."""
    before, after = _comparable(old, new)
    return frozenset(partition for partition, found in before.items() if after.get(partition, found) != found)


def _settle(trace: Trace, now: frozenset[str], then: frozenset[str]) -> Trace:
    if trace.word not in (Word.UNPROVEN, Word.SHRANK_EXPLAINED):
        return trace
    if trace.word is Word.SHRANK_EXPLAINED:
        return replace(trace, cause=f"{trace.cause}; {PROVED}") if trace.partition in now else trace
    if trace.partition in now or trace.partition in then:
        return Trace(Word.OK, trace.partition, trace.parts, 0, SAME)
    return trace


def _equal(old: tuple[DataSnapshot, str], new: tuple[DataSnapshot, str]) -> frozenset[str]:
    before, after = _comparable(old, new)
    return frozenset(partition for partition, found in before.items() if after.get(partition) == found)


def _comparable(
    old: tuple[DataSnapshot, str], new: tuple[DataSnapshot, str]
) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Both fingerprints of a table; nothing where one is missing or they were made over other columns."""
    (before, was), (after, now) = old, new
    if before.fingerprinted.get(was, "") != after.fingerprinted.get(now, "-"):
        return {}, {}
    return (before.fingerprints or {}).get(was, {}), (after.fingerprints or {}).get(now, {})
