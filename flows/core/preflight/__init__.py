"""Preflight: one rule for each sentence of the guide, and the rules that each kind of flow judges by."""

from __future__ import annotations

from collections.abc import Iterable

from flows.core import fit, rehearsal_room, unsettled
from flows.core.audit import disagree
from flows.core.change import Order
from flows.core.findings import Finding, Level
from flows.core.preflight import (
    account,
    containers,
    control,
    disks,
    engine,
    install,
    machine,
    network,
    pbx,
    rehearse,
    replace,
    rollback,
    service,
    software,
)
from flows.core.preflight.rule import Rule, Unknown, judge, known, registered
from flows.core.replace import ours as replaces
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish

# Findings that `judge` itself, reconciling and the audit make, beside those of the rules.
OTHER_FINDINGS = {
    "preflight.unknown-lowered-id": Level.WARNING,
    "preflight.not-lowerable": Level.WARNING,
    **unsettled.FINDINGS,
    **fit.FINDINGS,
    **rehearsal_room.FINDINGS,
    **disagree.FINDINGS,
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
    service.outside_window,
)
"""The same rules before an install, which mends by itself what is only a note here."""

# The service that a verb acts on is the wanted one, nobody else's, and the script can reach it.
_IDENTITY: tuple[Rule, ...] = (
    control.script_missing,
    control.not_pbx01,
    control.python,
    control.verb_missing,
    control.login_missing.at(Level.ERROR),
    network.address_missing,
    account.sudo,
    containers.docker_unusable,
    containers.shared,
    service.script_runs,
)
# What a start at night may need to be told, but not to be refused for.
_TOLD: tuple[Rule, ...] = tuple(
    rule.at(Level.WARNING) for rule in (control.ha_unhealthy, software.apt_running, account.ssh_forwarding)
)
_UP: tuple[Rule, ...] = (
    *_IDENTITY,
    containers.data_path_differs,
    containers.mount_differs,
    service.containers_missing,
    disks.data_device,
    network.port_taken,
    containers.password_record.at(Level.WARNING),
    *_TOLD,
)

RULES_CONTROL: dict[str, tuple[Rule, ...]] = {
    "start": (*_UP, service.unfinished_change, service.not_stopped_by_us),
    "restart": (*_UP, service.outside_window),
    "stop": (
        *_IDENTITY,
        service.outside_window,
        containers.data_path_differs.at(Level.WARNING),
        containers.mount_differs.at(Level.WARNING),
        service.containers_missing.at(Level.WARNING),
        *_TOLD,
    ),
}
"""Before start, restart and stop: only what could hit the wrong service or damage data refuses.

No window stands against a start: bringing the service back is right at any time.
"""

RULES_REMOVE: tuple[Rule, ...] = (
    *_IDENTITY,
    *service.REMOVE,
    service.outside_window,
    containers.password_record,
    *_TOLD,
)
"""Before a remove: the same, the confirmation, and what the next installation needs to read the data again."""

RULES_REPLACE: tuple[Rule, ...] = (*RULES_LOOK, *replace.RULES, service.outside_window)
"""Before an upgrade or a recreate: the same, and a running service whose parameters are known."""

RULES_UPGRADE: tuple[Rule, ...] = (*RULES_REPLACE, *engine.UPGRADE_RULES, rehearse.not_rehearsed)
"""Before an upgrade: the same, and a ClickHouse that may open the data."""

RULES_REHEARSE: tuple[Rule, ...] = (
    network.address_missing,
    account.sudo,
    containers.docker_unusable,
    containers.shared,
    containers.data_path_differs,
    containers.mount_differs,
    disks.data_device,
    disks.docker_room,
    service.script_runs,
    *rehearse.RULES,
    *engine.UPGRADE_RULES,
)
"""Before a rehearsal: what could read the wrong data, or has no place for the image; the service is not touched."""

RULES_RECREATE: tuple[Rule, ...] = (*RULES_REPLACE, *engine.RECREATE_RULES)
"""Before a recreate: the same for the recorded ClickHouse."""

RULES_ROLLBACK: tuple[Rule, ...] = (
    *_IDENTITY,
    containers.data_path_differs,
    containers.mount_differs,
    disks.data_device,
    engine.python,
    *rollback.RULES,
    service.outside_window,
    *_TOLD,
)
"""Before a rollback: what could hit the wrong service, and whether the point can be put back at all."""

_DONE_BY_THE_SCRIPT = frozenset({"host.apt-running", "host.port-taken", "docker.unusable"})


def rehearsed(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The same for a dry run, which shows the plan at any time and before anybody has confirmed it."""
    shown = (".not-confirmed", service.outside_window.id)
    return tuple(rule.at(Level.WARNING) if rule.id.endswith(shown) else rule for rule in rules)


def ordered(rules: tuple[Rule, ...], order: Order, *, locked: bool = False) -> tuple[Rule, ...]:
    """The same with the levels that this order gives them; `locked`: it is too late to postpone anything."""
    if order.dry_run:
        return rehearsed(rules)
    postponed = Level.ERROR if locked else Level.NOTE
    level = {"refuse": Level.ERROR, "postpone": postponed, "override": Level.WARNING}[order.outside_window]
    return tuple(rule.at(level) if rule.id == service.outside_window.id else rule for rule in rules)


def is_outside(found: Iterable[Finding]) -> bool:
    """Whether these findings say that now is not the time."""
    return any(finding.id == service.outside_window.id for finding in found)


def may_be_lowered(*rules: Rule) -> tuple[str, ...]:
    """The ids of those that refuse, and that somebody may answer for."""
    return tuple(sorted({rule.id for rule in rules if rule.level is Level.ERROR and rule.lowerable}))


def applicable(rules: tuple[Rule, ...], snapshot: Snapshot, wish: Wish) -> tuple[Rule, ...]:
    """The rules to judge by now: what this change's own script is doing is no reason not to attach to it."""
    if not snapshot.script_runs or not (install.ours(snapshot, wish) or replaces(snapshot, wish)):
        return rules
    return tuple(rule for rule in rules if rule.id not in _DONE_BY_THE_SCRIPT)


__all__ = [
    "OTHER_FINDINGS",
    "RULES_CONTROL",
    "RULES_INSTALL",
    "RULES_LOOK",
    "RULES_RECREATE",
    "RULES_REHEARSE",
    "RULES_REMOVE",
    "RULES_REPLACE",
    "RULES_ROLLBACK",
    "RULES_UPGRADE",
    "Rule",
    "Unknown",
    "applicable",
    "is_outside",
    "judge",
    "known",
    "may_be_lowered",
    "ordered",
    "registered",
    "rehearsed",
]
