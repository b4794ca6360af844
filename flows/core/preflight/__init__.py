"""Preflight: one rule for each sentence of the guide, and the rules that each kind of flow judges by."""

from __future__ import annotations

from flows.core.findings import Level
from flows.core.preflight import account, containers, control, disks, install, machine, network, pbx, software
from flows.core.preflight.rule import Rule, Unknown, judge, known, registered
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

# Findings that `judge` itself makes, beside those of the rules.
OTHER_FINDINGS = {
    "preflight.unknown-lowered-id": Level.WARNING,
    "preflight.not-lowerable": Level.WARNING,
}

RULES_LOOK: tuple[Rule, ...] = (
    *machine.RULES,
    *disks.RULES,
    *account.RULES,
    *network.RULES,
    *software.RULES,
    *containers.RULES,
    *control.RULES,
    *pbx.RULES,
)
"""All rules with their default levels: what a look shows."""

_MENDED_BY_INSTALL = {
    pbx.whitelist_missing.id: Level.NOTE,
    pbx.token_missing.id: Level.NOTE,
    control.login_missing.id: Level.NOTE,
}

RULES_INSTALL: tuple[Rule, ...] = (
    *(rule.at(_MENDED_BY_INSTALL.get(rule.id, rule.level)) for rule in RULES_LOOK),
    *install.RULES,
)
"""The same rules before an install, which mends by itself what is only a note here."""

_DONE_BY_THE_SCRIPT = frozenset({"host.apt-running", "host.port-taken", "docker.unusable"})


def applicable(rules: tuple[Rule, ...], snapshot: Snapshot, wish: Wish) -> tuple[Rule, ...]:
    """The rules to judge by now: what this change's own script is doing is no reason not to attach to it."""
    if not snapshot.script_runs or not install.ours(snapshot, wish):
        return rules
    return tuple(rule for rule in rules if rule.id not in _DONE_BY_THE_SCRIPT)


__all__ = [
    "OTHER_FINDINGS",
    "RULES_INSTALL",
    "RULES_LOOK",
    "Rule",
    "Unknown",
    "applicable",
    "judge",
    "known",
    "registered",
]
