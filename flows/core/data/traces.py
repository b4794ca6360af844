"""What became of some rows of one partition, and why: what the lineage finds and the sentences are made of."""

from __future__ import annotations

from dataclasses import dataclass

from flows.core.data.records import Detached, Mutation, Part
from flows.core.data.verdict import Word


@dataclass(frozen=True)
class Trace:
    """Some rows of one partition: `rows` lost, shrunk, grown or unproven, in the parts named, because of `cause`."""

    word: Word
    partition: str
    parts: tuple[str, ...]
    rows: int
    cause: str


@dataclass(frozen=True)
class Case:
    """All that the lineage of one MergeTree table needs; parts of both sides belong to the same table."""

    engine: str
    before: tuple[Part, ...]
    after: tuple[Part, ...]
    seen: tuple[Part, ...] = ()  # read after the restart: parts of the early snapshot, and inactive ones
    detached: tuple[Detached, ...] = ()  # those that were not there before
    mutations: tuple[Mutation, ...] = ()  # those that were not done before
    has_ttl: bool = False  # rows of the table expire
    loose_ttl: bool = False  # ... by a rule that leaves no date in the parts (TTL ... WHERE, GROUP BY)
    missed: frozenset[str] = frozenset()  # names of parts that an early look did not find any more
    now: float = 0.0  # the server's clock at the second snapshot


def identity(part: Part) -> tuple[str, str, str, int]:
    """What makes a part the same part: name and content."""
    return (part.partition_id, part.name, part.hash, part.rows)


def content(part: Part) -> tuple[str, str, int]:
    """What stays when a part is attached again under another name."""
    return (part.partition_id, part.hash, part.rows)


def covers(cover: Part, part: Part) -> bool:
    """Whether `cover` was made by merging or mutating `part`, as far as its name tells."""
    newer = (cover.level, cover.ver) > (part.level, part.ver)
    return newer and cover.minb <= part.minb and cover.maxb >= part.maxb and cover.name != part.name
