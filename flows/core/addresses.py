"""Which entries of the PBX's IP list cover an address; compared as networks, never as strings."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from flows.core.snapshot import Address, IpRule

ACCEPT, DENY = "ACCEPT", "DENY"
# Bridges of container engines and hypervisors: nothing leaves the machine under their addresses.
INNER_INTERFACES = ("lo", "docker", "br-", "veth", "virbr", "cni", "lxdbr")


def address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with or without brackets and zone; an IPv4 one inside an IPv6 one is the former."""
    try:
        found = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def network(text: str) -> IPv4Network | IPv6Network | None:
    """Read `a.b.c.d`, `a.b.c.d/32`, `a.b.c.d/255.255.255.0` or an IPv6 network; host bits do not matter."""
    try:
        found = ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if isinstance(found, IPv6Network) and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        return IPv4Network((mapped, found.prefixlen - 96)) if mapped is not None else found
    return found


def contains(network_text: str, address_text: str) -> bool:
    """Tell whether a network holds an address; unreadable texts hold nothing."""
    net, single = network(network_text), address(address_text)
    return net is not None and single is not None and net.version == single.version and single in net


def in_force(rule: IpRule, now: float) -> bool:
    """Tell whether an entry still counts at this time."""
    return rule.expires is None or rule.expires > now


def covering(rules: Iterable[IpRule], address_text: str, now: float, target: str = ACCEPT) -> tuple[IpRule, ...]:
    """The entries in force of this kind whose network holds the address."""
    return tuple(
        rule
        for rule in rules
        if rule.target.upper() == target and in_force(rule, now) and contains(rule.network, address_text)
    )


def denying(rules: Iterable[IpRule], address_text: str, now: float) -> tuple[IpRule, ...]:
    """The entries in force that shut the address out."""
    return covering(rules, address_text, now, DENY)


def lasting(rules: Iterable[IpRule], address_text: str, now: float, until: float) -> tuple[IpRule, ...]:
    """The entries that let the address in until at least that time."""
    return tuple(rule for rule in covering(rules, address_text, now) if rule.expires is None or rule.expires >= until)


def is_loopback(text: str) -> bool:
    """Tell whether an address cannot be reached from another machine."""
    single = address(text)
    return single is not None and single.is_loopback


def outward(addresses: Iterable[Address]) -> tuple[str, ...]:
    """The addresses under which a host can be seen from outside: no loopback, link-local or inner bridge."""
    return tuple(
        item.address
        for item in addresses
        if not item.interface.startswith(INNER_INTERFACES)
        and (single := address(item.address)) is not None
        and not single.is_loopback
        and not single.is_link_local
    )


def same(one: str, other: str) -> bool:
    """Tell whether two texts are the same address."""
    return address(one) is not None and address(one) == address(other)
