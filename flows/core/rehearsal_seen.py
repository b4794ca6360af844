"""What the steps of a rehearsal saw: the copy as it was made, what the new engine read, what became of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.core.change_state import Image
from flows.core.data.snapshot import DataSnapshot
from flows.core.rehearsal import Setting


@dataclass(frozen=True)
class Copy:
    """A copy as it was made; sizes in bytes. `parts` are the names of those in it, by the folder of their table."""

    name: str
    gid: int
    parts: Mapping[str, Sequence[str]]
    linked: int
    linked_bytes: int
    copied_bytes: int
    seconds: float


@dataclass(frozen=True)
class Held:
    """What the new engine has to find: `before` is what the service held, `reference` what the copy of it holds.

    `damage` says what the service's own ClickHouse could not read of a copy, where that could be seen.
    """

    before: DataSnapshot
    reference: DataSnapshot
    damage: str = ""


@dataclass(frozen=True)
class Opened:
    """What the new engine made of the copy: what it read, or why it could not; seconds until every table was loaded."""

    image: Image
    data: DataSnapshot | None
    trouble: str
    seconds: float
    memory: int = 0
    settings: tuple[Setting, ...] | None = None


@dataclass(frozen=True)
class Shared:
    """What became of the files that copy and server share: how many were looked at, and how many read.

    `used` are the bytes of disk that the copy and what was written into it took beside them; `live` says how the
    tables of the service compare with what they held before, "" for one that is stopped.
    """

    files: int
    digested: int
    differing: tuple[str, ...]
    used: int
    live: str = ""
