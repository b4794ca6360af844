"""What a run's artifact keeps of its record: the record itself, and the head of the log that it made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from flows.core.audit.chain import Head, canonical, digest, noted
from flows.core.audit.record import ChangeRecord, as_values, from_values

HEAD, RECORD, LATER = "audit log on pbx01", "record", "not written yet"


class Copy(NamedTuple):
    """A record as an artifact of its run keeps it; `head` is None where it could not be written to the log."""

    record: ChangeRecord
    head: Head | None = None


def rows(record: ChangeRecord, head: Head | None) -> list[dict[str, str]]:
    """The rows of the table artifact; people read the head, programs both. None: it is not in the log."""
    return [
        {"what": HEAD, "value": str(head) if head else LATER},
        {"what": RECORD, "value": canonical(as_values(record))},
    ]


def kept(data: Any, where: str, known: Mapping[str, ChangeRecord] = MappingProxyType({})) -> Copy:
    """Read what `rows` made, as Prefect gives it back; raises `ValueError` for anything else.

    `known` are records by the digest of their text: a copy that reads the same is that object, and is not read again.
    """
    try:
        stored = {row["what"]: row["value"] for row in (json.loads(data) if isinstance(data, str) else data)}
        text = stored[RECORD]
        record = known.get(digest(text)) or from_values(json.loads(text))
        return Copy(record, None if stored[HEAD] == LATER else noted(stored[HEAD], where))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} is not what a run keeps of its record") from error


def head_rows(heads: Iterable[tuple[str, Head]]) -> list[dict[str, str]]:
    """The rows in which an audit notes the head of each cluster's log, for the audits after it."""
    return [{"cluster": cluster, HEAD: str(head)} for cluster, head in heads]


def heads_kept(data: Any, where: str) -> tuple[tuple[str, Head], ...]:
    """Read what `head_rows` made; whatever else stands there is passed over, for it vouches for nothing."""
    try:
        stored = json.loads(data) if isinstance(data, str) else data
        return tuple((str(row["cluster"]), noted(row[HEAD], where)) for row in stored)
    except (KeyError, TypeError, AttributeError, ValueError):
        return ()
