"""Rules about the PBX: version, image, IP list, token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from flows.core.addresses import covering, denying, lasting, outward, same
from flows.core.findings import Level
from flows.core.preflight.rule import Unknown, known, of, rule
from flows.core.snapshot import IpRule, Snapshot
from flows.core.wish import Wish, pbx_image, whitelist_addresses, whitelist_until

WHITELIST = "Step 2"
TOKEN = "Step 3"


def _ask(snapshot: Snapshot, what: str) -> str:
    return f"{what} ({snapshot.pbx.trouble})" if snapshot.pbx.trouble else what


@rule(
    "pbx.unreachable",
    hint="Check the PBX's address, port, certificate and account in the block.",
    guide=WHITELIST,
)
def unreachable(snapshot: Snapshot, wish: Wish) -> str | None:
    """Sign in to the PBX Web Portal as a System Administrator."""
    return (
        None if snapshot.pbx.reached else f"the PBX's API did not answer: {snapshot.pbx.trouble or 'no reason given'}"
    )


def _numbers(version: str) -> tuple[int, ...]:
    match = re.search(r"\d+(?:\.\d+)*", version)
    if match is None:
        raise Unknown(f"what the version {version!r} of the PBX means")
    numbers = tuple(int(part) for part in match.group(0).split("."))
    return numbers + (0,) * (3 - len(numbers))


@rule("pbx.version", hint="Upgrade the PBX cluster first; older ones have no Data Flow.", guide="Prerequisites")
def version(snapshot: Snapshot, wish: Wish) -> str | None:
    """Ensure that the PBX HA cluster has already been upgraded (22.3.0 is the first with Data Flow)."""
    seen, wanted = (
        known(snapshot.pbx.version, _ask(snapshot, "the PBX's version")),
        wish.requirements.pbx_version,
    )
    if _numbers(seen) >= _numbers(wanted):
        return None
    return f"the PBX is version {seen}; Data Flow needs at least {wanted}"


@rule(
    "pbx.image-unknown",
    lowerable=False,
    hint="Name the PBX image (-i) in the block, or make res/vars.yml readable on pbx01.",
    guide="Command parameters",
)
def image_unknown(snapshot: Snapshot, wish: Wish) -> str | None:
    """-i: PortSIP PBX Docker image version (required)."""
    if pbx_image(snapshot, wish):
        return None
    why = "cannot be read" if snapshot.script.variables is None else "names no pbx_image"
    return f"the block names no PBX image, and {wish.script_folder}/res/vars.yml {why}"


def _control_addresses(snapshot: Snapshot) -> tuple[str, ...]:
    """Where the PBX sees the control node: pbx01's address of `vars.yml` if it has that, else all."""
    seen = outward(of(snapshot.control, snapshot.control.addresses, "the addresses"))
    listed = (snapshot.script.variables or {}).get("pbx01_private_ip", "")
    return tuple(a for a in seen if same(a, listed)) or seen


def _rules(snapshot: Snapshot) -> tuple[IpRule, ...]:
    return known(snapshot.pbx.ip_rules, _ask(snapshot, "the PBX's IP list"))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _shut_out(rules: tuple[IpRule, ...], owner: str, addresses: Iterable[str], now: float) -> list[str]:
    found = []
    for address in addresses:
        for entry in denying(rules, address, now):
            end = "for ever" if entry.expires is None else f"until {_day(entry.expires)}"
            found.append(f"{owner} {address} by {entry.network} {end}")
    return found


@rule(
    "pbx.address-denied",
    hint="Delete or change that entry under IP Blacklist: it stands against what is added, and nothing that "
    "we did not create is touched by us.",
    guide=WHITELIST,
)
def address_denied(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow service will not function correctly unless the server IP address is on the whitelist."""
    rules = _rules(snapshot)
    found = _shut_out(rules, "the server", whitelist_addresses(wish), wish.now)
    unknown = []
    try:
        seen = outward(of(snapshot.control, snapshot.control.addresses, "the addresses"))
        found += _shut_out(rules, "the control node", seen, wish.now)
    except Unknown as reason:
        unknown.append(str(reason))
    if snapshot.pbx.worker_address is None:
        unknown.append("the worker's own address")
    else:
        found += _shut_out(rules, "the worker", (snapshot.pbx.worker_address,), wish.now)
    if unknown and not found:
        raise Unknown(f"whether the PBX denies {' and '.join(unknown)}")
    return f"the PBX shuts out {'; '.join(found)}" if found else None


@rule(
    "pbx.whitelist-missing",
    hint="The install adds it; by hand: IP Blacklist > Add, action Allow, a long expiration date.",
    guide=WHITELIST,
)
def whitelist_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """You must whitelist the Data Flow server IP address. Set a long expiration date."""
    rules, missing = _rules(snapshot), []
    for address in whitelist_addresses(wish):
        if lasting(rules, address, wish.now, whitelist_until(wish)):
            continue
        ends = [entry.expires for entry in covering(rules, address, wish.now) if entry.expires is not None]
        missing.append(f"{address} (only until {_day(max(ends))})" if ends else address)
    return f"the PBX's IP list does not let in {', '.join(missing)}" if missing else None


@rule(
    "pbx.control-not-whitelisted",
    level=Level.WARNING,
    hint="Add it under IP Blacklist with the action Allow: the cluster's own nodes are throttled too.",
    guide=WHITELIST,
)
def control_not_whitelisted(snapshot: Snapshot, wish: Wish) -> str | None:
    """To prevent the PBX from applying request-rate limits, whitelist the address (here: pbx01)."""
    rules, addresses = _rules(snapshot), _control_addresses(snapshot)
    if any(covering(rules, address, wish.now) for address in addresses):
        return None
    return f"the PBX's IP list does not let in {snapshot.control.name} ({', '.join(addresses) or 'no address'})"


@rule(
    "pbx.worker-not-whitelisted",
    level=Level.NOTE,
    hint="Add it under IP Blacklist with the action Allow where many runs share this worker.",
    guide=WHITELIST,
)
def worker_not_whitelisted(snapshot: Snapshot, wish: Wish) -> str | None:
    """To prevent the PBX from applying request-rate limits, whitelist the address (here: the worker)."""
    own = known(snapshot.pbx.worker_address, _ask(snapshot, "the worker's own address"))
    if covering(_rules(snapshot), own, wish.now):
        return None
    return f"the PBX's IP list does not let in the worker ({own})"


@rule(
    "pbx.token-unknown",
    hint="Look under Servers > Data Flow, generate a token there when there is none, and set `token "
    "generated by hand` in the block.",
    guide=TOKEN,
)
def token_unknown(snapshot: Snapshot, wish: Wish) -> str | None:
    """You must generate a Data Flow server token from the PBX Web Portal."""
    if snapshot.pbx.token is not None or wish.token_by_hand:
        return None
    why = snapshot.pbx.token_trouble or snapshot.pbx.trouble or "the PBX did not say"
    return f"whether the PBX has a Data Flow token is not known: {why}"


@rule(
    "pbx.token-missing",
    level=Level.WARNING,
    hint="The install generates it; by hand: Servers > Data Flow > Generate Token.",
    guide=TOKEN,
)
def token_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """Select the default Data Flow server. Click Generate Token."""
    if snapshot.pbx.token != "absent" or wish.token_by_hand:
        return None
    return "the PBX has no Data Flow token yet"


@rule("pbx.token-not-generated", hint="Generate it: Servers > Data Flow > Generate Token.", guide=TOKEN)
def token_not_generated(snapshot: Snapshot, wish: Wish) -> str | None:
    """The generated token will be used during the installation (here: generated by hand)."""
    if snapshot.pbx.token != "absent" or not wish.token_by_hand:
        return None
    return "the block says that the token was generated by hand, but the PBX has none"


RULES = (
    unreachable,
    version,
    image_unknown,
    address_denied,
    whitelist_missing,
    control_not_whitelisted,
    worker_not_whitelisted,
    token_unknown,
    token_missing,
    token_not_generated,
)
