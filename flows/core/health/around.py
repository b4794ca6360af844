"""Health rules about what stands around the service: the PBX's list and certificate, and changes left behind."""

from __future__ import annotations

from flows.core.addresses import covering, lasting
from flows.core.findings import Level
from flows.core.health.service import MANAGING, health, held_for, limit
from flows.core.numbers import HEALTH_CERTIFICATE_DAYS, HEALTH_WHITELIST_DAYS
from flows.core.preflight.pbx import WHITELIST
from flows.core.preflight.rule import known, of, rule
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish, whitelist_addresses
from flows.core.words import utc


@rule(
    "health.whitelist-ends",
    level=Level.WARNING,
    hint="IP Blacklist > Add: a second entry with a long expiration date; the install adds it, too.",
    guide=WHITELIST,
)
def whitelist_ends(snapshot: Snapshot, wish: Wish) -> str | None:
    """You must whitelist the Data Flow server IP address. Set a long expiration date."""
    rules, until = known(snapshot.pbx.ip_rules, "the PBX's IP list"), wish.now + HEALTH_WHITELIST_DAYS * 86400
    ending = []
    for address in whitelist_addresses(wish):
        entries = covering(rules, address, wish.now)
        if entries and not lasting(rules, address, wish.now, until):
            ending.append(f"{address} only until {utc(max(entry.expires or 0 for entry in entries))}")
    return f"the PBX's IP list lets in {', '.join(ending)}" if ending else None


@rule(
    "health.certificate-ended",
    hint="Upload a new certificate in the PBX Web Portal; where this one is pinned, enter the new fingerprint here.",
    guide=WHITELIST,
)
def certificate_ended(snapshot: Snapshot, wish: Wish) -> str | None:
    """Sign in to the PBX Web Portal (whose certificate is valid)."""
    ends = known(health(snapshot).certificate_ends, "when the PBX's certificate ends")
    return f"the PBX's certificate ended {utc(ends)}" if ends <= wish.now else None


@rule(
    "health.certificate-ends",
    level=Level.WARNING,
    hint="Upload a new certificate in the PBX Web Portal; where this one is pinned, enter the new fingerprint here.",
    guide=WHITELIST,
)
def certificate_ends(snapshot: Snapshot, wish: Wish) -> str | None:
    """Sign in to the PBX Web Portal (whose certificate lasts)."""
    ends = known(health(snapshot).certificate_ends, "when the PBX's certificate ends")
    soon = wish.now < ends <= wish.now + HEALTH_CERTIFICATE_DAYS * 86400
    return f"the PBX's certificate ends {utc(ends)}" if soon else None


@rule(
    "health.change-unfinished",
    level=Level.WARNING,
    hint="Press Retry in the run that is named, or run reconcile-data-flow, which settles it.",
    guide=MANAGING,
)
def change_unfinished(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not interrupt the process until the command completes (no change was left half way)."""
    _read(snapshot)
    lock = snapshot.lock
    if lock is None:
        return None
    if lock.phase == "unfinished":
        return f"{lock.holder} ended half way (since {lock.since}): {lock.link}"
    if held_for(lock, wish) <= limit():
        return None
    return f"{lock.holder} holds the cluster since {lock.since}, phase {lock.phase}: {lock.link}"


@rule(
    "change.left-open",
    level=Level.WARNING,
    hint="Give it up by reconcile-data-flow with abandon=ID once you know that the service is as it should be.",
    guide=MANAGING,
)
def left_open(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not interrupt the process until the command completes (every change was closed)."""
    _read(snapshot)
    states = known(health(snapshot).left_open, f"the changes that {snapshot.control.name} remembers")
    ids = ", ".join(f"{state.kind} {state.id} ({state.phase})" for state in states)
    return f"changes without a lock were never closed: {ids}" if ids else None


def _read(snapshot: Snapshot) -> None:
    """Raises Unknown where the control node's notes could not be read: then no lock means nothing."""
    of(snapshot.control, health(snapshot).notes or None, "the change lock and the notes")


RULES = (whitelist_ends, certificate_ended, certificate_ends, change_unfinished, left_open)
