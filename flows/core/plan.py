"""A plan: ordered steps in an administrator's words, and a hash that changes when anything that matters does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Step:
    """One thing that a run would do: the task's name, a sentence, and whether it changes anything."""

    task: str
    title: str
    changes: bool


@dataclass(frozen=True)
class Plan:
    """What a run will do, and the facts it rests on (addresses, image ids, the script's digest, lowered findings).

    Nothing in it tells time, size or row counts, so the same world always gives the same hash.
    """

    kind: str
    target: str
    steps: tuple[Step, ...]
    rests_on: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything at all would change."""
        return any(step.changes for step in self.steps)

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits over everything in the plan."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
