"""What a snapshot is made of: one plain value for each thing that ClickHouse tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DataTable:
    """One table; `total_rows` is what the engine tells, `counted` what `count()` said where it tells nothing."""

    database: str
    name: str
    uuid: str
    engine: str
    total_rows: int | None = None
    total_bytes: int = 0
    has_own_data: bool = True
    partition_key: str = ""
    sorting_key: str = ""
    primary_key: str = ""
    modified: int = 0  # seconds since 1970
    ddl: str = ""
    counted: int | None = None

    @property
    def key(self) -> str:
        """The name with its database."""
        return f"{self.database}.{self.name}"

    @property
    def known_rows(self) -> int | None:
        """What the engine or `count()` told; not for MergeTree, whose parts tell it exactly."""
        return self.total_rows if self.counted is None else self.counted


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a MergeTree table: the files of some blocks of rows, never changed once written."""

    database: str
    table: str
    partition_id: str
    name: str
    rows: int
    minb: int  # first block number in it
    maxb: int  # last block number in it
    level: int = 0  # how often merged
    ver: int = 0  # data version: grows with each mutation
    hash: str = ""  # of all its files
    active: bool = True  # False: replaced by a merged part, still on disk
    ttl_min: int = 0  # when its first row expires, seconds since 1970; 0: never
    ttl_max: int = 0
    lwd: bool = False  # rows in it are deleted "lightly": hidden until the next merge
    partition: str = ""
    bytes: int = 0
    disk: str = "default"

    @property
    def is_patch(self) -> bool:
        """Whether a lightweight UPDATE wrote it: it holds new values for rows of other parts, no rows of its own."""
        return self.partition_id.startswith("patch-")

    @property
    def table_key(self) -> str:
        """The table's name with its database."""
        return f"{self.database}.{self.table}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    database: str
    table: str
    name: str
    type: str
    default_kind: str = ""
    default_expression: str = ""


@dataclass(frozen=True, slots=True)
class Detached:
    """A part that was set aside: by the server (`reason` broken-on-start, ...) or by a person (no reason)."""

    database: str
    table: str
    partition_id: str
    name: str
    reason: str = ""
    disk: str = ""
    minb: int = -1
    maxb: int = -1


@dataclass(frozen=True, slots=True)
class Mutation:
    """An ALTER that rewrites parts; `ver` is the data version that a rewritten part has."""

    database: str
    table: str
    id: str
    command: str
    created: int
    ver: int
    parts_to_do: int
    done: bool
    fail: str = ""


@dataclass(frozen=True, slots=True)
class DetachedTable:
    """A table that DETACH TABLE took away; its rows are on disk, but cannot be read."""

    database: str
    table: str
    uuid: str
    permanently: bool = False


@dataclass(frozen=True, slots=True)
class FailedLoad:
    """A table (or a database) that the server could not load at its start."""

    job: str
    exception: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows on their way: a queue of Distributed (`items` files) or of asynchronous inserts (`items` entries)."""

    database: str
    table: str
    kind: str
    items: int
    broken: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Replica:
    """The state of a replicated table."""

    database: str
    table: str
    readonly: bool
    lost_parts: int


@dataclass(frozen=True, slots=True)
class ServerError:
    """How often the server met an error since its start, and the last message."""

    name: str
    code: int
    count: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A database, disk or dictionary: its name, and its engine, path or status."""

    kind: str
    name: str
    text: str


RECORDS: dict[str, type[Any]] = {
    "tables": DataTable,
    "parts": Part,
    "columns": Column,
    "detached": Detached,
    "mutations": Mutation,
    "detached_tables": DetachedTable,
    "failed_loads": FailedLoad,
    "waiting": Waiting,
    "replicas": Replica,
    "errors": ServerError,
    "others": Named,
}
"""The lists of a snapshot and what they hold."""
