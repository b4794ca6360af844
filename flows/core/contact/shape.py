"""The shape of a JSON reply: its keys and the types of its values, never a value.

A key is shown only where it reads like a name that a programmer gave it; where a reply uses data as keys (a user, a
number, a token), that is shown as `<key>`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_NAME = re.compile(r"[a-z]{1,24}(?:[A-Z][a-z]{1,24}){0,4}|[a-z0-9]{1,24}(?:_[a-z0-9]{1,24}){0,7}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?")
MOST_DIGITS = 2
"""Digits that a name may have: `private_ipv4` has one."""
MOST_KEYS = 60
"""A map with more keys than this is data, whatever its keys look like."""


@dataclass
class _Shape:
    """What was seen at one place of a reply, merged over all items of a list."""

    words: dict[str, None] = field(default_factory=dict)
    keys: dict[str, _Shape] = field(default_factory=dict)
    seen: int = 0  # how many maps
    present: dict[str, int] = field(default_factory=dict)
    items: _Shape | None = None
    lengths: list[int] = field(default_factory=list)


def shape(value: Any) -> str:
    """Keys and types of a reply in one line: `{count: number, items: 2 of {cidr: network/32, expire_at?: null}}`."""
    return _said(_add(_Shape(), value, frozenset(_texts(value))))


def _texts(value: Any) -> Iterable[str]:
    """Every text among the values, however deep: what is a value somewhere is no name elsewhere."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def _add(place: _Shape, value: Any, texts: frozenset[str]) -> _Shape:
    if isinstance(value, dict):
        place.seen += 1
        named = _named(value, texts)
        for key in {key for key, _ in named}:
            place.present[key] = place.present.get(key, 0) + 1
        for key, each in named:
            _add(place.keys.setdefault(key, _Shape()), each, texts)
    elif isinstance(value, list):
        place.lengths.append(len(value))
        place.items = place.items or _Shape()
        for each in value:
            _add(place.items, each, texts)
    else:
        place.words[_word(value)] = None
    return place


def _named(value: dict[Any, Any], texts: frozenset[str]) -> list[tuple[str, Any]]:
    data = len(value) > MOST_KEYS or _alike(list(value.values()))
    return [(key if not data and _is_name(key) and key not in texts else "<key>", v) for key, v in value.items()]


def _alike(values: list[Any]) -> bool:
    """Whether these are the values of a map from data to records: several maps, all with the very same keys."""
    return len(values) > 1 and all(isinstance(v, dict) and v and v.keys() == values[0].keys() for v in values)


def _is_name(key: str) -> bool:
    return bool(_NAME.fullmatch(key)) and len(key) <= 48 and sum(c.isdigit() for c in key) <= MOST_DIGITS


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    return _text(value) if isinstance(value, str) else "?"


def _text(value: str) -> str:
    """What kind of text this is, as far as our programs must know."""
    if not value:
        return "empty text"
    if found := _TIME.fullmatch(value):
        return {None: "time without zone", "Z": "time in Z"}.get(found.group(1), "time with offset")
    try:
        ipaddress.ip_address(value)
        return "address"
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(value, strict=False)
        return f"network/{network.prefixlen}"
    except ValueError:
        return "digits as text" if value.isdigit() else "text"


def _said(place: _Shape) -> str:
    said = list(place.words)
    if place.seen:
        inner = (f"{key}{'?' if place.present[key] < place.seen else ''}: {_said(v)}" for key, v in place.keys.items())
        said.append("{" + ", ".join(inner) + "}")
    if place.items is not None:
        fewest, most = min(place.lengths), max(place.lengths)
        count = str(most) if fewest == most else f"{fewest} to {most}"
        said.append(f"{count} of {_said(place.items)}" if most else "empty list")
    return " or ".join(said) or "nothing"
