"""A rehearsal as values: what it may take of the server, what stands in for the live data, what is remembered of it.

The new ClickHouse opens a linked copy of the data in a container of its own (design.md 3, clickhouse.md 2 to 5).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import unquote

from flows.core.change_state import Image
from flows.core.data.engines import Holding, holding
from flows.core.data.records import DataTable, Part
from flows.core.data.snapshot import DataSnapshot
from flows.core.data.traces import covers
from flows.core.words import utc

LABEL = "dataflow-flows.rehearsal"
"""Label of the container in which a copy is opened; its value is the rehearsal's id."""

UID = 64223
"""The user of that container: nobody's, so that no file of the service belongs to it."""


def container_name(name: str) -> str:
    """The container of this rehearsal."""
    return f"dataflow-flows.rehearsal.{name}"


def folder(data_path: str, name: str) -> str:
    """Where on the server the copy lies: beside the data, on the same file system."""
    return f"{data_path.rstrip('/')}/.dataflow-rehearsal/{name}"


def frozen_name(name: str) -> str:
    """What FREEZE calls its links for this rehearsal."""
    return f"dataflow_rehearsal_{name.replace('-', '_')}"


def reference(before: DataSnapshot, after: DataSnapshot, parts: Mapping[str, Sequence[str]]) -> DataSnapshot:
    """What the copy holds, as the live server told it just before and just after: what the new engine has to read.

    `parts` are the names of the parts that were frozen, by the folder of their table. A part that no snapshot knows
    came and went between them, and is nobody's loss. Rows that wait in a Buffer are in memory and in no copy.
    """
    known = {(p.table_key, p.name): p for p in (*before.parts, *after.parts)}
    counted = {table.uuid: table for table in before.tables}
    held: list[Part] = []
    for table in after.tables:
        names = set(_of(table, parts))
        frozen = [replace(known[table.key, n], active=True) for n in names if (table.key, n) in known]
        held += frozen
        # What a frozen part was merged from proves what is in it.
        rest = (part for (key, name), part in known.items() if key == table.key and name not in names)
        held += [replace(part, active=False) for part in rest if any(_below(each, part) for each in frozen)]
    return on_disk(replace(after, tables=tuple(counted.get(t.uuid, t) for t in after.tables), parts=tuple(held)))


def on_disk(data: DataSnapshot) -> DataSnapshot:
    """The same without rows that are in memory only, and that come and go while the service serves."""
    return replace(data, tables=tuple(map(_at_rest, data.tables)), waiting=())


def set_aside(data: DataSnapshot) -> str:
    """Which parts the service's own ClickHouse could not read of a copy that had nothing set aside; "" when none."""
    named = [f"{d.database}.{d.table} {d.name} ({d.reason or 'no reason told'})" for d in data.detached]
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return f"ClickHouse {data.version} itself sets aside: {', '.join(named[:5])}{more}" if named else ""


def _of(table: DataTable, parts: Mapping[str, Sequence[str]]) -> Sequence[str]:
    for place, names in parts.items():
        *_, database, name = place.split("/")
        if name == table.uuid or f"{unquote(database)}.{unquote(name)}" == table.key:
            return names
    return ()


def _below(cover: Part, part: Part) -> bool:
    return cover.partition_id == part.partition_id and covers(cover, part)


def _at_rest(table: DataTable) -> DataTable:
    return replace(table, total_rows=0) if holding(table) is Holding.BUFFER else table


@dataclass(frozen=True)
class Setting:
    """A default of MergeTree that the new version changed: since which version, from what to what, and why."""

    version: str
    name: str
    previous: str
    new: str
    reason: str


CHANGED_DEFAULTS = """
SELECT version, c.name AS name, c.previous_value AS previous, c.new_value AS new, c.reason AS reason
FROM (SELECT type, version, arrayJoin(changes) AS c FROM system.settings_changes WHERE type = 'MergeTree')
WHERE c.previous_value != c.new_value ORDER BY version, name
"""
"""Asked of the new image itself (clickhouse.md 4.1); servers before 25.x have no column `type`."""

CHANGES_FILES = (
    *("serialization", "marks_for_substreams", "substreams", "escape_", "packed_", "statistics", "text_index"),
    *("patch_parts", "num_defaults", "compact_parts", "compress_", "with_types"),
)
"""Words in the names of defaults that change what is written into the files of a part."""


def one_way(settings: Iterable[Setting], running: str) -> tuple[Setting, ...]:
    """Those that came after the running version and change files: what it writes the old version may not read."""
    late = (each for each in settings if _number(each.version) > _number(running))
    return tuple(each for each in late if any(word in each.name for word in CHANGES_FILES))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in version.split(".")[:2] if word.isdigit())


@dataclass(frozen=True)
class Rehearsal:
    """What is remembered of one: `at` is seconds since 1970; `image_id` and `digest` tell which image it was."""

    id: str
    at: float
    passed: bool
    reference: str
    image_id: str
    digest: str
    version_before: str
    version_after: str
    said: str
    run: str
    link: str = ""

    def of(self, image: Image) -> bool:
        """Whether it was this very image."""
        return bool(self.image_id and self.image_id == image.id) or bool(self.digest and self.digest == image.digest)

    def as_json(self) -> str:
        """One line for the record on the control node."""
        return json.dumps(asdict(self), ensure_ascii=False)


def from_json(text: str) -> Rehearsal | None:
    """The rehearsal of one line; `None` for one that is damaged or that a newer version wrote: it proves nothing."""
    try:
        values = json.loads(text)
        return Rehearsal(**{each.name: values[each.name] for each in fields(Rehearsal) if each.name in values})
    except (TypeError, ValueError, KeyError):
        return None


def not_rehearsed(rehearsals: Iterable[Rehearsal], image: Image, days: int, now: float) -> str | None:
    """Why an upgrade to this image may not be made yet; `None` when a rehearsal of it passed in the last `days`.

    The last one counts: data that passed once may have failed since.
    """
    named = f"{image.reference} ({image.pinned.rpartition('@')[2][:19]})"
    last = max((each for each in rehearsals if each.of(image)), key=lambda each: each.at, default=None)
    if last is None:
        return f"no rehearsal of {named} is recorded"
    if not last.passed:
        return f"the rehearsal of {named} on {utc(last.at)} failed: {last.said}"
    if now - last.at > days * 86400:
        return f"the last rehearsal of {named} is of {utc(last.at)}, older than {days} days"
    return None
