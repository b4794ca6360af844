"""What a run's artifact keeps of its record: the record itself, and the head of the log that it made."""

from __future__ import annotations

import json
from typing import Any

from flows.core.audit.chain import Head, noted
from flows.core.audit.record import ChangeRecord, as_values, from_values

HEAD, RECORD, LATER = "audit log on pbx01", "record", "not written yet"


def rows(record: ChangeRecord, head: Head | None) -> list[dict[str, str]]:
    """The rows of the table artifact; people read the head, programs both. None: it is not in the log."""
    return [
        {"what": HEAD, "value": str(head) if head else LATER},
        {"what": RECORD, "value": json.dumps(as_values(record), ensure_ascii=False, sort_keys=True)},
    ]


def kept(data: Any, where: str) -> tuple[ChangeRecord, Head | None]:
    """Read what `rows` made, as Prefect gives it back; raises `ValueError` for anything else."""
    try:
        stored = {row["what"]: row["value"] for row in (json.loads(data) if isinstance(data, str) else data)}
        record = from_values(json.loads(stored[RECORD]))
        return record, None if stored[HEAD] == LATER else noted(stored[HEAD], where)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} is not what a run keeps of its record") from error
