"""What only a health check asks, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.core.audit.chain import Head
from flows.core.change_state import ChangeState
from flows.core.health.trend import Point
from flows.core.tables import Tables

if TYPE_CHECKING:  # what a look yields holds a Health, and a Baseline is made of what a look yields
    from flows.core.baseline import Baseline


@dataclass(frozen=True)
class Health:
    """Beside the facts of every look; None is what was not to be had.

    `gate` says why ClickHouse is not ready ("": it is). `inodes` are all and free ones under the data path.
    `notes` tells whether the control node's folder could be read, without which no baseline means nothing.
    `trend` are the points of earlier checks and, as the last one, of this.
    """

    gate: str | None = None
    tables: Tables | None = None
    most_parts: int | None = None  # active parts of the fullest partition
    set_aside: int | None = None  # parts that ClickHouse detached because they were broken
    log_bytes: int | None = None
    inodes: tuple[int, int] | None = None
    certificate_ends: float | None = None  # seconds since 1970
    notes: bool = False
    baseline: Baseline | None = None
    left_open: tuple[ChangeState, ...] | None = None  # changes without a lock that were never closed
    trend: tuple[Point, ...] = ()
    log_head: Head | None = None  # of the audit log
