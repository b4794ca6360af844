"""How rows arrive in ClickHouse: the questions, all about its own counters, and their answers in sentences.

No question reads a table of the service or the text of a statement: those hold calls and the people who made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.core.words import table

SETTINGS = """
SELECT name, value, changed FROM system.settings
WHERE name IN ('async_insert', 'wait_for_async_insert', 'insert_deduplicate', 'insert_quorum') ORDER BY name
"""
EVENTS = """
SELECT event AS name, value FROM system.events
WHERE event IN ('InsertQuery', 'AsyncInsertQuery', 'FailedInsertQuery', 'FailedAsyncInsertQuery', 'InsertedRows')
"""
"""Since ClickHouse's start; what never happened has no row."""
METRICS = "SELECT metric AS name, value FROM system.metrics WHERE metric IN ('TCPConnection', 'HTTPConnection')"
NEW_PARTS = """
SELECT database, table, count() AS parts, sum(rows) AS part_rows, max(rows) AS most_rows
FROM system.parts WHERE level = 0 AND modification_time > now() - 3600
    AND database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA')
GROUP BY database, table ORDER BY parts DESC LIMIT 10
"""
"""Each insert makes a part of level 0; inactive ones count too, and are kept for some minutes."""
INSERTS = """
SELECT toString(interface) AS interface, Settings['async_insert'] AS asynchronous,
       Settings['wait_for_async_insert'] AS waits, count() AS inserts, sum(written_rows) AS rows_written,
       count(DISTINCT tables) AS targets
FROM system.query_log
WHERE event_date >= today() - 1 AND event_time > now() - 86400 AND type = 'QueryFinish' AND query_kind = 'Insert'
GROUP BY interface, asynchronous, waits ORDER BY inserts DESC LIMIT 10
"""
DATABASES = """
SELECT name, engine FROM system.databases
WHERE name NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') ORDER BY name
"""
QUESTIONS = {
    "settings": SETTINGS,
    "events": EVENTS,
    "metrics": METRICS,
    "new parts": NEW_PARTS,
    "inserts": INSERTS,
    "databases": DATABASES,
}
"""Asked one by one: each may fail without the others (no right, no such table)."""

_STREAMS = ("Kafka", "NATS", "RabbitMQ", "S3Queue", "FileLog", "PostgreSQL", "MaterializedPostgreSQL")
_INTERFACES = {"1": "native protocol", "2": "HTTP", "3": "gRPC", "4": "MySQL protocol", "5": "PostgreSQL protocol"}


@dataclass(frozen=True)
class Arrival:
    """What ClickHouse told: rows of each question, or why that question has no answer."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    trouble: Mapping[str, str]

    def counters(self, question: str) -> dict[str, Any] | None:
        """Name -> value; None where the question has no answer."""
        return {row["name"]: row["value"] for row in self.rows[question]} if question in self.rows else None


def verdict(arrival: Arrival, engines: Sequence[tuple[str, str]]) -> str:
    """How rows arrive, in one sentence, as far as it was seen; "" where nothing tells."""
    said = []
    events = arrival.counters("events")
    if events is not None:
        waiting, inserts = int(events.get("AsyncInsertQuery", 0)), int(events.get("InsertQuery", 0))
        said.append(_counted(inserts, waiting, int(events.get("InsertedRows", 0))))
    buffers = [name for name, engine in engines if engine == "Buffer"]
    streams = [f"{name} ({engine})" for name, engine in engines if engine in _STREAMS]
    said += [f"through {len(buffers)} Buffer tables: {', '.join(buffers)}"] if buffers else ["no Buffer table"]
    said += [f"from streams: {', '.join(streams)}"] if streams else []
    return "; ".join(said) if events is not None or buffers or streams else ""


def _counted(inserts: int, asynchronous: int, rows: int) -> str:
    if not inserts + asynchronous:
        return "nothing was inserted since ClickHouse's start"
    if not asynchronous:
        each = f", {rows / inserts:,.1f} rows each" if inserts else ""
        return f"synchronously: {inserts:,} inserts since the start{each}, none asynchronous"
    return f"asynchronously: {asynchronous:,} of the inserts since the start ({inserts:,} statements in all)"


def details(arrival: Arrival) -> str:
    """The figures behind the verdict, as lines and tables."""
    parts = []
    if settings := arrival.rows.get("settings"):
        words = (f"`{row['name']}` = {row['value']}{' (changed)' if _true(row['changed']) else ''}" for row in settings)
        parts.append(f"Settings of our user: {', '.join(words)}.")
    if (metrics := arrival.counters("metrics")) is not None:
        native, web = metrics.get("TCPConnection", 0), metrics.get("HTTPConnection", 0)
        parts.append(f"Open connections: {native} by the native protocol, {web} by HTTP (one is ours).")
    if new := arrival.rows.get("new parts"):
        parts.append(table(("table", "new parts, last hour", "rows in one, on average", "at most"), map(_new, new)))
    if inserts := arrival.rows.get("inserts"):
        header = ("inserts of the last day by", "async_insert", "waits", "inserts", "rows each")
        parts.append(table(header, map(_insert, inserts)))
    parts += [f"{name}: not seen: {why}" for name, why in arrival.trouble.items()]
    return "\n\n".join(parts)


def _new(row: Mapping[str, Any]) -> tuple[str, ...]:
    each = int(row["part_rows"]) / max(1, int(row["parts"]))
    return f"{row['database']}.{row['table']}", f"{int(row['parts']):,}", f"{each:,.1f}", f"{int(row['most_rows']):,}"


def _insert(row: Mapping[str, Any]) -> tuple[str, ...]:
    interface = _INTERFACES.get(str(row["interface"]), f"interface {row['interface']}")
    asynchronous = _true(row["asynchronous"])
    # ClickHouse notes the rows of an asynchronous insert with the batch, not with the insert.
    each = "in batches" if asynchronous else f"{int(row['rows_written']) / max(1, int(row['inserts'])):,.1f}"
    settings = (row[name] or "default" for name in ("asynchronous", "waits"))
    return interface, *settings, f"{row['inserts']:,}", each


def _true(value: Any) -> bool:
    return str(value) in ("1", "True", "true")
