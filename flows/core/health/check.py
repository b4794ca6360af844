"""One health check as a value: how it ended, what changed since the one before, what is worth an event."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from flows.core.audit.chain import Head
from flows.core.drift import positive, unsure
from flows.core.findings import Finding, Level, tally
from flows.core.health.memory import Memory
from flows.core.health.rules import RULES_HEALTH
from flows.core.health.trend import Point
from flows.core.preflight.rule import judge
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish


class Word(StrEnum):
    """How a service is, in one word."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


WORDS = {Level.ERROR: "critical", Level.WARNING: "warning", Level.NOTE: "note"}
"""What the levels of findings are called where nothing can be refused."""


@dataclass(frozen=True)
class Notice:
    """An event that is worth telling: its name, the findings behind it, and one sentence."""

    event: str
    findings: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Check:
    """One check: what was found, and `before`, what the check before it left (None: this is the first).

    `head` is that of the audit log, so that the audit notices when somebody cuts the log or writes it anew.
    """

    cluster: str
    time: float
    findings: tuple[Finding, ...]
    points: tuple[Point, ...]
    before: Memory | None = None
    head: Head | None = None

    @property
    def word(self) -> Word:
        """The worst that was found."""
        levels = {finding.level for finding in self.findings}
        if Level.ERROR in levels:
            return Word.CRITICAL
        return Word.WARNING if Level.WARNING in levels else Word.OK

    @property
    def message(self) -> str:
        """One line for the run's state."""
        worst = self._worst()
        if not worst:
            return f"ok: {tally(self.findings).replace('error', 'critical')}"
        more = f" (and {len(worst) - 1} more: {', '.join(f.id for f in worst[1:])})" if len(worst) > 1 else ""
        said = " ".join(worst[0].message.split())
        return f"{self.word}: {worst[0].id}: {said}{more}"

    @property
    def drifted(self) -> frozenset[str]:
        """The kinds of drift that stand: those seen now, and those seen before that could not be judged now."""
        before = self.before.drifted if self.before else frozenset()
        return positive(self.findings) | (before & unsure(self.findings))

    @property
    def changes(self) -> tuple[str, ...]:
        """What is new, gone or of another level since the check before."""
        was = dict(self.before.levels) if self.before else {}
        now = {finding.id: WORDS[finding.level] for finding in self.findings}
        new = [f"new: `{name}` ({level})" for name, level in now.items() if name not in was]
        other = [f"`{name}`: {was[name]} → {now[name]}" for name in now if was.get(name, now[name]) != now[name]]
        gone = [f"gone: `{name}` (was {level})" for name, level in was.items() if name not in now]
        return (*new, *other, *gone)

    def notices(self) -> tuple[Notice, ...]:
        """What has become so with this check; one that finds what the last one found has nothing to tell.

        Before the first check a service counts as well.
        """
        told = []
        if self.word != (self.before.word if self.before else Word.OK):
            told.append(Notice(f"dataflow.health.{self.word}", tuple(f.id for f in self._worst()), self.message))
        fresh = self.drifted - (self.before.drifted if self.before else frozenset())
        fresh_ids = {f"drift.{kind}" for kind in fresh}
        told += [Notice(f"dataflow.{f.id}", (f.id,), f.message) for f in self.findings if f.id in fresh_ids]
        return tuple(told)

    def _worst(self) -> tuple[Finding, ...]:
        level = {Word.CRITICAL: Level.ERROR, Word.WARNING: Level.WARNING}.get(self.word)
        return tuple(finding for finding in self.findings if finding.level is level)


def judged(snapshot: Snapshot, wish: Wish, lowered: Collection[str], before: Memory | None) -> Check:
    """Judge a look by the rules of health; the trend goes on from the check before."""
    health = snapshot.health
    points = health.trend if health else ()
    # An entry of the PBX's list is critical when it is gone, and a warning before that (health.whitelist-ends).
    found = judge(snapshot, replace(wish, whitelist_days=0), RULES_HEALTH, lowered)
    return Check(wish.cluster, wish.now, found, points, before, health.log_head if health else None)
