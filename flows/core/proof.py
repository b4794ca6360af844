"""What stands at the end of a change: the verdict over every table, and between which engines it was made."""

from __future__ import annotations

from dataclasses import dataclass

from flows.core.data.verdict import Verdict


@dataclass(frozen=True)
class Proof:
    """ClickHouse's version before and after, the verdict, and seconds in which it did not answer (None: unknown)."""

    version_before: str
    version_after: str
    verdict: Verdict
    downtime: float | None = None
