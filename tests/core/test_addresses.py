"""Entries of the IP list are compared as networks, with their ends."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from flows.core.addresses import (
    address,
    contains,
    covering,
    denying,
    is_loopback,
    lasting,
    network,
    outward,
    same,
)
from flows.core.snapshot import Address, IpRule

NOW = 1_800_000_000.0


def entry(network_text: str, target: str = "ACCEPT", expires: float | None = None) -> IpRule:
    """An entry of the list."""
    return IpRule("1", network_text, target, expires)


HELD: list[tuple[str, str, bool]] = [
    ("192.168.1.26", "192.168.1.26", True),
    ("192.168.1.26/32", "192.168.1.26", True),
    ("192.168.1.77/24", "192.168.1.26", True),
    ("192.168.1.0/255.255.255.0", "192.168.1.26", True),
    ("192.168.1.2", "192.168.1.26", False),
    ("192.168.10.0/24", "192.168.1.26", False),
    ("fd00::/8", "fd00::26", True),
    ("fd00::26", "FD00:0::0026", True),
    ("::/0", "192.168.1.26", False),
    ("0.0.0.0/0", "fd00::26", False),
    ("::ffff:192.168.1.0/120", "192.168.1.26", True),
    ("192.168.1.26", "::ffff:192.168.1.26", True),
    ("everything", "192.168.1.26", False),
    ("192.168.1.26", "dataflow01", False),
]


def test_a_network_holds_an_address_or_not() -> None:
    """Single addresses, masks, host bits, both families, and texts that are neither."""
    for network_text, address_text, expected in HELD:
        assert contains(network_text, address_text) is expected, (network_text, address_text)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4))
def test_coverage_agrees_with_the_bits(base: IPv4Address, length: int, single: IPv4Address) -> None:
    """A network holds exactly the addresses that begin with the same bits."""
    shift = 32 - length
    expected = int(base) >> shift == int(single) >> shift
    assert contains(f"{base}/{length}", str(single)) is expected
    assert contains(f"{base}/{length}", str(base))


@given(st.ip_addresses(v=4))
def test_forms_of_one_address_are_one(single: IPv4Address) -> None:
    """With and without /32, and inside IPv6."""
    assert network(str(single)) == network(f"{single}/32") == IPv4Network((int(single), 32))
    assert same(str(single), f"::ffff:{single}")


def test_only_entries_in_force_of_the_right_kind_cover() -> None:
    """Expired entries and those of the other kind do not count; the kind's case does not matter."""
    good, old, denied = entry("10.0.0.0/8"), entry("10.0.0.5", expires=NOW - 1), entry("10.0.0.5/32", "deny")
    assert covering((good, old, denied), "10.0.0.5", NOW) == (good,)
    assert denying((good, old, denied), "10.0.0.5", NOW) == (denied,)
    assert denying((denied,), "10.0.0.6", NOW) == ()


def test_an_entry_that_ends_too_soon_does_not_last() -> None:
    """No end, a late end, an early end."""
    ever, late, soon = (
        entry("10.0.0.5"),
        entry("10.0.0.5", expires=NOW + 100),
        entry("10.0.0.5", expires=NOW + 10),
    )
    assert lasting((ever, late, soon), "10.0.0.5", NOW, NOW + 100) == (ever, late)


def test_addresses_that_others_can_see() -> None:
    """Loopback, link-local and the bridges of containers are not how a host is seen."""
    addresses = (
        Address("127.0.0.1", "lo", False),
        Address("192.168.1.21", "ens3", False),
        Address("fe80::1", "ens3", False),
        Address("172.17.0.1", "docker0", False),
        Address("172.18.0.1", "br-12ab", False),
        Address("fd00::21", "ens3", False),
    )
    assert outward(addresses) == ("192.168.1.21", "fd00::21")


def test_readings_of_single_addresses() -> None:
    """Brackets and zones are no part of an address."""
    assert str(address("[fe80::1%eth0]")) == "fe80::1"
    assert address("pbx") is None
    assert not same("pbx", "pbx")
    assert is_loopback("127.0.0.53") and is_loopback("::1")
    assert not is_loopback("*")
