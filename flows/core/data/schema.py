"""What changed in a table's definition: added (fine), or so that values may be gone (destructive)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flows.core.data.records import Column, DataTable, Mutation


@dataclass(frozen=True)
class SchemaChange:
    """One difference in words; `destructive` when values may be gone or no longer mean the same."""

    text: str
    destructive: bool = False


def schema_changes(
    before: DataTable,
    after: DataTable,
    old: Sequence[Column],
    new: Sequence[Column],
    mutations: Sequence[Mutation] = (),
) -> list[SchemaChange]:
    """Every difference between two definitions; a renamed column is told by the mutation that renamed it."""
    renamed = _renamed(mutations)
    now = {column.name: column for column in new}
    was = {renamed.get(column.name, column.name) for column in old}
    found = [change for column in old for change in _column(column, renamed.get(column.name, column.name), now)]
    found += [SchemaChange(f"column {column.name} was added") for column in new if column.name not in was]
    return found + _storage(before, after)


def _column(column: Column, name: str, now: dict[str, Column]) -> list[SchemaChange]:
    if name not in now:
        return [SchemaChange(f"column {column.name} was dropped", destructive=True)]
    found = [SchemaChange(f"column {column.name} was renamed to {name}")] if name != column.name else []
    new = now[name]
    if new.type != column.type:
        text = f"column {name} was {column.type} and is {new.type}"
        found.append(SchemaChange(text, destructive=not keeps_values(column.type, new.type)))
    if (new.default_kind, _plain(new.default_expression)) != (column.default_kind, _plain(column.default_expression)):
        found.append(SchemaChange(f"the default of column {name} changed"))
    return found


def _storage(before: DataTable, after: DataTable) -> list[SchemaChange]:
    found = []
    if before.engine != after.engine:
        found.append(SchemaChange(f"the engine was {before.engine} and is {after.engine}", destructive=True))
    for what, old, new in (
        ("partition key", before.partition_key, after.partition_key),
        ("primary key", before.primary_key, after.primary_key),
        ("sorting key", before.sorting_key, after.sorting_key),
    ):
        if _plain(old) != _plain(new):
            longer = what == "sorting key" and _plain(new).startswith(_plain(old) + ",")
            found.append(SchemaChange(f"the {what} was ({old}) and is ({new})", destructive=not longer))
    return found


def keeps_values(old: str, new: str) -> bool:
    """Whether every value of the old type is one of the new: wider integers, Nullable, more names of an Enum."""
    old, new = _without("LowCardinality", old), _without("LowCardinality", new)
    if new.startswith("Nullable("):
        old, new = _without("Nullable", old), _without("Nullable", new)
    if old == new:
        return True
    if (narrow := re.fullmatch(r"(U?Int)(\d+)", old)) and (wide := re.fullmatch(r"(U?Int)(\d+)", new)):
        same = narrow[1] == wide[1]
        return int(wide[2]) > int(narrow[2]) and (same or wide[1] == "Int")
    if old.startswith("Enum") and new.startswith("Enum"):
        return _names(old) <= _names(new)
    if old.startswith(("FixedString(", "Enum")):
        return new == "String"
    return bool(re.match(r"DateTime(\(|$)", old) and re.match(r"DateTime(\(|$)", new))  # another time zone to show


def _names(enum: str) -> set[str]:
    return set(re.findall(r"'(?:[^'\\]|\\.)*' = -?\d+", enum))


def _without(wrapper: str, told: str) -> str:
    inner = re.fullmatch(rf"{wrapper}\((.*)\)", told)
    return inner[1] if inner else told


def _plain(expression: str) -> str:
    """Without what versions print differently: spaces, quotes of names, the word tuple."""
    return re.sub(r"[\s`]|^tuple\(\)$", "", expression)


def _renamed(mutations: Sequence[Mutation]) -> dict[str, str]:
    found: dict[str, str] = {}
    for mutation in sorted(mutations, key=lambda each: each.ver):
        for old, new in re.findall(
            r"RENAME COLUMN (?:IF EXISTS )?`?([^\s`(),]+)`? TO `?([^\s`(),]+)`?", mutation.command
        ):
            first = next((name for name, now in found.items() if now == old), old)
            found[first] = new
    return found
