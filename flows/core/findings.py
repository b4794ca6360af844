"""What a rule says of the world: a finding with a stable id, a level, a sentence and a hint."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters: an error refuses the change, a warning is shown, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found: `id` is stable and dotted, `hint` says what to do, `guide` names the section."""

    id: str
    level: Level
    message: str
    hint: str
    guide: str = ""
    lowered: bool = False


def lower(findings: Iterable[Finding], ids: Collection[str]) -> tuple[Finding, ...]:
    """Turn the named errors into warnings, marked as lowered."""
    return tuple(
        replace(f, level=Level.WARNING, lowered=True) if f.level is Level.ERROR and f.id in ids else f for f in findings
    )


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that refuse a change."""
    return tuple(f for f in findings if f.level is Level.ERROR)


def tally(findings: Iterable[Finding]) -> str:
    """How many of each level: `no error, 1 warning, 5 notes`."""
    levels = [finding.level for finding in findings]
    counts = ((levels.count(level), level) for level in Level)
    return ", ".join(f"{count or 'no'} {level}{'s' if count > 1 else ''}" for count, level in counts)
