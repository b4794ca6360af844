"""What happens to tables of a real ClickHouse in the tests of the verdicts: damage on disk, and statements."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.core.data.verdict import Word

# Five parts of 100 rows; the server merges nothing by itself, so that a test sees what it made.
FIVE_PARTS = "SETTINGS max_block_size = 100, min_insert_block_size_rows = 100, min_insert_block_size_bytes = 0"
CALM = "SETTINGS max_bytes_to_merge_at_max_space_in_pool = 1, min_bytes_for_wide_part = 0"
COLUMNS = "(a UInt32, b UInt32, s String, d DateTime DEFAULT '2100-01-01 00:00:00')"
FILL = "INSERT INTO {} (a, b, s) SELECT number, intDiv(number, 250), randomPrintableASCII(50) FROM numbers(500) "
PLAIN = f"ENGINE = MergeTree ORDER BY a {CALM}"
BY_B = f"ENGINE = MergeTree PARTITION BY b ORDER BY a {CALM}"

Damage = Callable[[Path], None]
"""Gets the table's folder, while the server is down."""


@dataclass(frozen=True)
class Scenario:
    """A table, what happens to it, and the verdicts wanted: without and with the early snapshot."""

    name: str
    word: Word
    early: Word | None = None  # None: the same word
    storage: str = PLAIN
    fill: tuple[str, ...] = (FILL + FIVE_PARTS,)
    damage: Damage | None = None
    then: tuple[str, ...] = ()  # statements on the running server
    failed: bool | None = None  # None: as the word says

    def create(self) -> list[str]:
        """The statements that make and fill the table."""
        return [f"CREATE TABLE {self.name} {COLUMNS} {self.storage}", *(sql.format(self.name) for sql in self.fill)]


def remove(name: str) -> Damage:
    """Delete a part's folder or a file in it."""

    def damage(table: Path) -> None:
        path = table / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def cut(name: str) -> Damage:
    """Leave the first half of a file."""

    def damage(table: Path) -> None:
        content = (table / name).read_bytes()
        (table / name).write_bytes(content[: len(content) // 2])

    return damage


def write(name: str, text: str) -> Damage:
    """Put other text into a file."""

    def damage(table: Path) -> None:
        (table / name).write_text(text)

    return damage


def flip(name: str) -> Damage:
    """Change one bit in the middle of a file."""

    def damage(table: Path) -> None:
        content = bytearray((table / name).read_bytes())
        content[len(content) // 2] ^= 1
        (table / name).write_bytes(content)

    return damage


SOON = (
    "INSERT INTO {} (a, b, s, d) SELECT number, 0, 'x', if(number < %s, now() + 1, toDateTime('2100-01-01 00:00:00')) "
    "FROM numbers(100)"
)
TTL = f"ENGINE = MergeTree ORDER BY a TTL d {CALM}"
MORE = "INSERT INTO {} (a, b, s) SELECT number, 0, 'new' FROM numbers(100)"
MERGE = "OPTIMIZE TABLE {} FINAL"

RESTART = (
    Scenario("plain", Word.OK),
    Scenario("optimized", Word.OK, then=(MERGE,)),
    Scenario("grown", Word.GREW, then=(MORE,)),
    Scenario("grown_and_merged", Word.GREW, then=(MORE, MERGE)),  # the inactive parts still prove the old ones
    Scenario("part_deleted", Word.LOST, damage=remove("all_3_3_0")),
    Scenario("number_reused", Word.LOST, damage=remove("all_5_5_0"), then=(MORE,)),
    Scenario("number_reused_and_merged", Word.LOST, damage=remove("all_5_5_0"), then=(MORE, MERGE)),
    Scenario("gap_merged", Word.UNPROVEN, Word.LOST, damage=remove("all_3_3_0"), then=(MORE, MERGE)),
    Scenario("gap_merged_alone", Word.LOST, damage=remove("all_3_3_0"), then=(MERGE,)),
    Scenario("file_cut", Word.UNREADABLE, damage=cut("all_2_2_0/s.bin")),
    Scenario("file_deleted", Word.UNREADABLE, damage=remove("all_2_2_0/s.bin")),
    Scenario("count_wrong", Word.UNREADABLE, damage=write("all_2_2_0/count.txt", "7")),
    Scenario("columns_garbage", Word.UNREADABLE, damage=write("all_2_2_0/columns.txt", "garbage")),
    Scenario("checksums_deleted", Word.OK, damage=remove("all_2_2_0/checksums.txt")),
    Scenario("bit_flipped", Word.OK, damage=flip("all_2_2_0/s.bin")),
    Scenario("folder_deleted", Word.LOST, damage=lambda table: shutil.rmtree(table)),
    Scenario("expired_whole", Word.SHRANK_EXPLAINED, storage=TTL, fill=(SOON % 100,), then=(MERGE,)),
    Scenario("expired_some", Word.SHRANK_EXPLAINED, storage=TTL, fill=(SOON % 40,), then=(MERGE,)),
    *(
        Scenario(name, Word.SHRANK_EXPLAINED, storage=f"ENGINE = {engine} ORDER BY b {CALM}", then=(MERGE,))
        for name, engine in (
            ("replacing", "ReplacingMergeTree"),
            ("summing", "SummingMergeTree"),
            ("aggregating", "AggregatingMergeTree"),
        )
    ),
    Scenario("in_memory", Word.VOLATILE_RESET, storage="ENGINE = Memory"),
    Scenario("log", Word.OK, storage="ENGINE = Log"),
    Scenario("log_cut", Word.UNREADABLE, storage="ENGINE = Log", damage=cut("s.bin")),
    Scenario("tiny_log", Word.OK, storage="ENGINE = TinyLog"),
    Scenario("stripe_log_cut", Word.UNREADABLE, storage="ENGINE = StripeLog", damage=cut("data.bin")),
    Scenario("buffered", Word.GREW, fill=()),
    Scenario(
        "buffer", Word.OK, storage="ENGINE = Buffer(default, buffered, 1, 900, 900, 9000, 9000, 1000000, 1000000)"
    ),
    Scenario("in_set", Word.OK, storage="ENGINE = Join(ANY, LEFT, a)"),
)

STATEMENTS = (
    Scenario("drop_partition", Word.LOST, storage=BY_B, then=("ALTER TABLE {} DROP PARTITION 1",)),
    Scenario("detach_partition", Word.UNREADABLE, storage=BY_B, then=("ALTER TABLE {} DETACH PARTITION 1",)),
    Scenario(
        "attach_partition",
        Word.OK,
        storage=BY_B,
        then=("ALTER TABLE {} DETACH PARTITION 1", "ALTER TABLE {} ATTACH PARTITION 1"),
    ),
    Scenario("source", Word.OK, storage=BY_B),
    Scenario("replace_partition", Word.LOST, storage=BY_B, then=("ALTER TABLE {} REPLACE PARTITION 1 FROM source",)),
    Scenario("move_target", Word.GREW, storage=BY_B),
    Scenario("move_partition", Word.LOST, storage=BY_B, then=("ALTER TABLE {} MOVE PARTITION 1 TO TABLE move_target",)),
    Scenario("truncated", Word.LOST, then=("TRUNCATE TABLE {}",)),
    Scenario("truncated_log", Word.LOST, storage="ENGINE = Log", then=("TRUNCATE TABLE {}",)),
    Scenario("dropped", Word.MISSING, then=("DROP TABLE {} SYNC",)),
    Scenario("renamed", Word.OK, then=("RENAME TABLE {} TO another_name",)),
    Scenario("exchanged", Word.OK, then=("EXCHANGE TABLES {} AND source",)),
    Scenario("detached_table", Word.UNREADABLE, then=("DETACH TABLE {}",)),
    Scenario(
        "recreated",
        Word.REPLACED_TABLE,
        then=("DROP TABLE {} SYNC", f"CREATE TABLE {{}} {COLUMNS} {PLAIN}", FILL + FIVE_PARTS),
    ),
    Scenario("recreated_empty", Word.LOST, then=("DROP TABLE {} SYNC", f"CREATE TABLE {{}} {COLUMNS} {PLAIN}")),
    Scenario("add_column", Word.SCHEMA_CHANGED, then=("ALTER TABLE {} ADD COLUMN c UInt8",), failed=False),
    Scenario("drop_column", Word.SCHEMA_CHANGED, then=("ALTER TABLE {} DROP COLUMN b",), failed=True),
    Scenario("narrow_column", Word.SCHEMA_CHANGED, then=("ALTER TABLE {} MODIFY COLUMN b UInt16",), failed=True),
    Scenario("widen_column", Word.SCHEMA_CHANGED, then=("ALTER TABLE {} MODIFY COLUMN b UInt64",), failed=False),
    Scenario("rename_column", Word.SCHEMA_CHANGED, then=("ALTER TABLE {} RENAME COLUMN b TO c",), failed=False),
    Scenario("delete", Word.SHRANK_EXPLAINED, then=("ALTER TABLE {} DELETE WHERE a % 2 = 0",)),
    Scenario("delete_all", Word.SHRANK_EXPLAINED, then=("ALTER TABLE {} DELETE WHERE 1",)),
    Scenario("update", Word.MUTATED, then=("ALTER TABLE {} UPDATE s = 'x' WHERE a % 2 = 0",)),
    Scenario("light_delete", Word.MUTATED, then=("DELETE FROM {} WHERE a % 2 = 0",)),
    Scenario("light_delete_merged", Word.SHRANK_EXPLAINED, then=("DELETE FROM {} WHERE a % 2 = 0", MERGE)),
)
