"""Dataclasses from the plain values of JSON, by their annotations: what an older text left out has its default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from sys import intern
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def filled(kind: type[T], values: Any) -> T:
    """The dataclass from these values; fields that it does not know are passed over.

    Raises `ValueError`, in words for a person, where a field is missing or is not of its type.
    """
    reader: Any = kind  # a class is hashable, which mypy does not see
    value: T = _reader(reader)(values)
    return value


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin, inner = get_origin(kind), [each for each in get_args(kind) if each not in (NoneType, Ellipsis)]
    if origin in (Union, UnionType):
        read = _reader(inner[0])
        return lambda value: None if value is None else read(value)
    if origin is tuple:
        return _many(_reader(inner[0]), list, tuple)
    if origin is dict:
        read = _reader(inner[1])
        return _many(lambda pair: (pair[0], read(pair[1])), dict, dict)
    return _dataclass(kind) if is_dataclass(kind) else _single(kind)


def _many(read: Callable[[Any], Any], found: type[Any], wanted: type[Any]) -> Callable[[Any], Any]:
    def read_all(values: Any) -> Any:
        if type(values) is not found:
            raise ValueError(f"there is {values!r:.80} where several values should be")
        several = values.items() if found is dict else values
        return wanted(read(each) for each in several)

    return read_all


def _single(kind: type) -> Callable[[Any], Any]:
    allowed = (int, float) if kind is float else (kind,)

    def single(value: Any) -> Any:
        if type(value) not in allowed:
            raise ValueError(f"there is {value!r:.80} where {kind.__name__} should be")
        # Thousands of records say the same words; each is kept once.
        return intern(value) if kind is str else value

    return single


def _dataclass(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = {each.name: _reader(hints[each.name]) for each in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}

    def whole(values: Any) -> Any:
        if not isinstance(values, dict):
            raise ValueError(f"there is {values!r:.80} where a {kind.__name__} should be")
        if missing := needed - values.keys():
            raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(missing))}")
        return kind(**{name: read(values[name]) for name, read in readers.items() if name in values})

    return whole
