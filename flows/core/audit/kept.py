"""What a run's artifact keeps of its record: the record itself, and the head of the log that it made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from flows.core.audit.chain import Head, noted
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
        {"what": RECORD, "value": json.dumps(as_values(record), ensure_ascii=False, sort_keys=True)},
    ]


def kept(data: Any, where: str) -> Copy:
    """Read what `rows` made, as Prefect gives it back; raises `ValueError` for anything else."""
    try:
        stored = {row["what"]: row["value"] for row in (json.loads(data) if isinstance(data, str) else data)}
        record = from_values(json.loads(stored[RECORD]))
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
