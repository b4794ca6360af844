"""What a rule is, and how rules judge a snapshot.

A rule's function answers None (fine) or what is wrong in one sentence; its docstring is the guide's sentence.
A fact that is not known is never a pass: it becomes a finding with the level of its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from flows.core.findings import Finding, Level, lower
from flows.core.snapshot import HostFacts, Snapshot
from flows.core.wish import Wish

T = TypeVar("T")
Check = Callable[[Snapshot, Wish], str | None]

_REGISTERED: dict[str, Rule] = {}


class Unknown(Exception):
    """A fact that a rule needs was not to be had."""


@dataclass(frozen=True)
class Rule:
    """One sentence of the guide as a rule; `lowerable` is False where a run without it would do damage."""

    id: str
    level: Level
    hint: str
    guide: str
    check: Check
    lowerable: bool = True

    @property
    def sentence(self) -> str:
        """The guide's sentence, which is the docstring of the rule's function."""
        return (self.check.__doc__ or "").strip()

    def at(self, level: Level) -> Rule:
        """The same rule with another level, for a flow that mends it by itself."""
        return replace(self, level=level)

    def __call__(self, snapshot: Snapshot, wish: Wish) -> Finding | None:
        """The finding, or None when all is well."""
        try:
            message = self.check(snapshot, wish)
        except Unknown as unknown:
            message = f"unknown: {unknown}"
        return None if message is None else Finding(self.id, self.level, message, self.hint, self.guide)


def rule(
    name: str, *, hint: str, guide: str = "", level: Level = Level.ERROR, lowerable: bool = True
) -> Callable[[Check], Rule]:
    """Register a function as the rule of this id."""

    def register(check: Check) -> Rule:
        if name in _REGISTERED:
            raise ValueError(f"two rules are called {name}")
        _REGISTERED[name] = Rule(name, level, hint, guide, check, lowerable)
        return _REGISTERED[name]

    return register


def registered() -> dict[str, Rule]:
    """Every rule by its id, with its default level."""
    return dict(_REGISTERED)


def known(value: T | None, what: str) -> T:
    """The value; raises Unknown when there is none."""
    if value is None:
        raise Unknown(what)
    return value


def of(host: HostFacts, value: T | None, what: str) -> T:
    """A fact of a host; raises Unknown with the host's name and why it could not be looked at."""
    return known(value, f"{what} of {host.name}" + (f" ({host.trouble})" if host.trouble else ""))


def every(hosts: Iterable[HostFacts], check: Callable[[HostFacts], str | None]) -> str | None:
    """Judge several hosts alike and name all that fail, in one message; those not known are named too."""
    wrong: list[str] = []
    unknown: list[str] = []
    for host in hosts:
        try:
            message = check(host)
        except Unknown as reason:
            unknown.append(str(reason))
        else:
            wrong += [f"{host.name}: {message}"] if message else []
    if unknown and not wrong:
        raise Unknown("; ".join(unknown))
    return "; ".join(wrong + [f"unknown: {reason}" for reason in unknown]) or None


def judge(
    snapshot: Snapshot,
    wish: Wish,
    rules: Iterable[Rule],
    lowered: Collection[str] = (),
    other_ids: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Every finding of every rule at once, errors first; the named ones are lowered to warnings and marked.

    `other_ids` are ids that others may lower too; any further id in `lowered` is a slip and gets a warning.
    """
    answers = (each(snapshot, wish) for each in rules)
    found = tuple(finding for finding in answers if finding is not None)
    fixed = {name for name in lowered if name in _REGISTERED and not _REGISTERED[name].lowerable}
    slips = (_slip(name) for name in sorted({*lowered} - {*_REGISTERED} - {*other_ids}))
    stays = (_stays(name) for name in sorted(fixed))
    order = list(Level)
    return tuple(sorted((*lower(found, {*lowered} - fixed), *slips, *stays), key=lambda f: order.index(f.level)))


def _slip(name: str) -> Finding:
    return Finding(
        "preflight.unknown-lowered-id",
        Level.WARNING,
        f"the parameter for lowered findings names {name}, which no rule is called",
        "Take the id from flows/FINDINGS.md.",
    )


def _stays(name: str) -> Finding:
    return Finding(
        "preflight.not-lowerable",
        Level.WARNING,
        f"{name} stays an error: no parameter lowers it",
        "Mend what it names; a run without that would put data at risk.",
    )
