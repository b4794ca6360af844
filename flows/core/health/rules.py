"""The rules that a health check judges by."""

from __future__ import annotations

from flows.core import drift
from flows.core.findings import Level
from flows.core.health import around, room, service
from flows.core.preflight import account, containers, control, pbx
from flows.core.preflight.rule import Rule

RULES_HEALTH: tuple[Rule, ...] = (
    *service.RULES,
    *room.RULES,
    *around.RULES,
    *drift.RULES,
    containers.docker_unusable,
    containers.mount_differs,
    pbx.unreachable,
    pbx.address_denied,
    pbx.whitelist_missing,
    pbx.token_missing.at(Level.ERROR),
    pbx.token_not_generated,
    pbx.token_unknown,
    control.ha_unhealthy,
    account.clock.at(Level.WARNING),
    account.clock_skew.at(Level.WARNING),
)
"""A service that works now has no use for the guide's sizes; what would stop it or spoil its data is looked at."""
