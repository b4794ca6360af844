"""The questions to ClickHouse, all of them about metadata: their cost follows the number of parts, not of rows.

Asked on 24.8, 25.5, 25.8 and 26.9 (clickhouse.md 2.1). Traps that were met: an alias that is also a column's name can
change what an aggregate means (hence no alias like `rows_n` for a table's own columns), tuples come as arrays or as
objects, and format and settings belong into the URL. Some system tables are not there in every version.
"""

from __future__ import annotations

_S = "('system', 'information_schema', 'INFORMATION_SCHEMA')"

SERVER = """
SELECT version() AS version, toString(serverUUID()) AS server_uuid, toUnixTimestamp(now()) AS now, uptime() AS uptime
"""
"""Who answers. The uuid is the file `uuid` of the data folder: it proves which folder is mounted."""

TABLES = f"""
SELECT database, name, toString(uuid) AS uuid, engine, total_rows, total_bytes, has_own_data, partition_key,
       sorting_key, primary_key, toUnixTimestamp(metadata_modification_time) AS modified, create_table_query AS ddl
FROM system.tables WHERE NOT is_temporary AND database NOT IN {_S} ORDER BY database, name
"""

COLUMNS = f"""
SELECT database, table, name, type, default_kind, default_expression
FROM system.columns WHERE database NOT IN {_S} ORDER BY database, table, position
"""

PARTS = f"""
SELECT database, table, partition_id, partition, name, rows, bytes_on_disk AS bytes, min_block_number AS minb,
       max_block_number AS maxb, level, data_version AS ver, hash_of_all_files AS hash,
       toUnixTimestamp(delete_ttl_info_max) AS ttl_max, toUnixTimestamp(delete_ttl_info_min) AS ttl_min,
       has_lightweight_delete AS lwd, disk_name AS disk, active
FROM system.parts WHERE database NOT IN {_S}
"""
"""Inactive parts too: they prove what was read before it was merged."""

DETACHED = f"""
SELECT database, table, ifNull(partition_id, '') AS partition_id, name, ifNull(reason, '') AS reason, disk,
       ifNull(min_block_number, -1) AS minb, ifNull(max_block_number, -1) AS maxb
FROM system.detached_parts WHERE database NOT IN {_S}
"""

MUTATIONS = f"""
SELECT database, table, mutation_id AS id, command, toUnixTimestamp(create_time) AS created,
       arrayMax(`block_numbers.number`) AS ver, parts_to_do, is_done AS done, latest_fail_reason AS fail
FROM system.mutations WHERE database NOT IN {_S}
"""

REPLICAS = f"""
SELECT database, table, is_readonly AS readonly, lost_part_count AS lost_parts
FROM system.replicas WHERE database NOT IN {_S}
"""

OTHERS = f"""
SELECT 'database' AS kind, name, engine AS text FROM system.databases WHERE name NOT IN {_S}
UNION ALL SELECT 'disk' AS kind, name, path AS text FROM system.disks
UNION ALL SELECT 'dictionary' AS kind, concat(database, '.', name) AS name, toString(status) AS text
FROM system.dictionaries
"""

ERRORS = """
SELECT name, code, value AS count, last_error_message AS message FROM system.errors
WHERE NOT remote AND value > 0 AND name IN (
    'CHECKSUM_DOESNT_MATCH', 'CORRUPTED_DATA', 'CANNOT_READ_ALL_DATA', 'NO_FILE_IN_DATA_PART',
    'BAD_SIZE_OF_FILE_IN_DATA_PART', 'FILE_DOESNT_EXIST', 'TOO_MANY_UNEXPECTED_DATA_PARTS', 'UNKNOWN_FORMAT_VERSION',
    'CANNOT_DECOMPRESS', 'ASYNC_LOAD_FAILED', 'UNEXPECTED_FILE_IN_DATA_PART', 'EXPECTED_END_OF_FILE',
    'ATTEMPT_TO_READ_AFTER_EOF', 'TOO_LARGE_SIZE_COMPRESSED')
"""

CORRUPTION_CODES = frozenset({32, 33, 40, 107, 117, 226, 228, 229, 231, 246, 271, 432, 722})
"""What a read answers when the files are damaged: wrong checksum, cut file, missing file, table not loaded."""

DETACHED_TABLES = f"""
SELECT database, table, toString(uuid) AS uuid, is_permanently AS permanently
FROM system.detached_tables WHERE database NOT IN {_S}
"""
"""`system.tables` does not show them."""

FAILED_LOADS = "SELECT job, exception FROM system.asynchronous_loader WHERE status IN ('FAILED', 'CANCELED')"

QUEUES = """
SELECT database, table, 'distributed' AS kind, sum(data_files) AS items, sum(broken_data_files) AS broken,
       sum(data_compressed_bytes) AS bytes
FROM system.distribution_queue GROUP BY database, table
"""

ASYNC_INSERTS = """
SELECT database, table, 'insert' AS kind, count() AS items, 0 AS broken, sum(total_bytes) AS bytes
FROM system.asynchronous_inserts GROUP BY database, table
"""

OPTIONAL = {
    "detached_tables": DETACHED_TABLES,
    "asynchronous_loader": FAILED_LOADS,
    "distribution_queue": QUEUES,
    "asynchronous_inserts": ASYNC_INSERTS,
    "replicas": REPLICAS,
}
"""System table -> its question, asked only where the table exists."""

EXISTING = (
    "SELECT name FROM system.tables WHERE database = 'system' AND name IN ("
    + ", ".join(f"'{name}'" for name in OPTIONAL)
    + ")"
)
"""Which of the optional system tables this server has; works even when a table failed to load."""

UNFINISHED = f"""
SELECT database, table, mutation_id AS id, parts_to_do, latest_fail_reason AS fail
FROM system.mutations WHERE NOT is_done AND database NOT IN {_S} ORDER BY create_time
"""

ENGINES = f"SELECT database, name, engine FROM system.tables WHERE NOT is_temporary AND database NOT IN {_S}"


def quoted(*names: str) -> str:
    """The dotted name of a table or column as SQL writes it."""
    return ".".join("`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`" for name in names)


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def count_question(database: str, table: str) -> str:
    """How many rows a table has that does not tell it itself."""
    return f"SELECT count() AS __fp_n FROM {quoted(database, table)}"


def check_question(database: str, table: str, part: str = "") -> str:
    """CHECK TABLE, in the one form that 24.8 and 25.8 both read: without settings and format."""
    return f"CHECK TABLE {quoted(database, table)}" + (f" PART {text(part)}" if part else "")
