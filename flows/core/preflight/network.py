"""Rules about the network: static address, reach of the PBX, what the server must not serve."""

from __future__ import annotations

from flows.core.addresses import is_loopback, same
from flows.core.findings import Level
from flows.core.installed import service
from flows.core.preflight.rule import Unknown, known, of, rule
from flows.core.snapshot import Listener, Snapshot
from flows.core.wish import Wish

NETWORK = "Network Requirements"
DNS, DHCP = 53, (67, 547)
# ClickHouse's HTTP and native port; the containers use the host's network.
CLICKHOUSE_PORTS = (8123, 9000)


def _local(snapshot: Snapshot, address: str) -> bool:
    addresses = of(snapshot.server, snapshot.server.addresses, "the addresses")
    return any(same(item.address, address) for item in addresses)


@rule(
    "host.address-dynamic",
    hint="Set the address in /etc/netplan. Where the provider always gives the same one by DHCP (a cloud), "
    "lower this finding by name.",
    guide=NETWORK,
)
def address_dynamic(snapshot: Snapshot, wish: Wish) -> str | None:
    """You must configure a static private IP address for the Data Flow server."""
    wanted = wish.private_address or wish.public_address
    addresses = of(snapshot.server, snapshot.server.addresses, "the addresses")
    leased = [item.interface for item in addresses if item.dynamic and same(item.address, wanted)]
    return f"{snapshot.server.name}: {wanted} on {leased[0]} comes from DHCP" if leased else None


@rule(
    "host.address-missing",
    hint="Correct the private (-a) or public (-A) address of the block, or set the address on the server.",
    guide=NETWORK,
)
def address_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """-a: Private IP address of the Data Flow server; -A: Public IP address if there is no private one."""
    wanted = wish.private_address or wish.public_address
    if not wanted:
        return "the block names neither a private (-a) nor a public (-A) address"
    if _local(snapshot, wanted) or not wish.private_address:
        return None
    return f"{snapshot.server.name} does not have the address {wanted}"


@rule(
    "host.public-address-elsewhere",
    level=Level.NOTE,
    hint="Fine behind a NAT or an Elastic IP; else correct the public address (-A) of the block.",
    guide=NETWORK,
)
def public_address_elsewhere(snapshot: Snapshot, wish: Wish) -> str | None:
    """The server must have a static public IP address if a private one is not available."""
    if not wish.public_address or _local(snapshot, wish.public_address):
        return None
    return f"{snapshot.server.name} itself does not have the public address {wish.public_address}"


@rule(
    "host.pbx-unreachable",
    hint="Open these ports between server and PBX (firewall, security group); on the PBX nodes also: "
    "firewall-cmd --permanent --zone=trusted --add-source=ADDRESS.",
    guide=NETWORK,
)
def pbx_unreachable_from_server(snapshot: Snapshot, wish: Wish) -> str | None:
    """The server must be able to communicate reliably with the PBX server."""
    server = snapshot.server
    tried = {(h, p): is_open for h, p, is_open in of(server, server.reachable, "which PBX ports can be reached")}
    states = {port: tried.get((wish.pbx_address, port)) for port in wish.pbx_ports}
    shut = [str(port) for port, state in states.items() if state is False]
    if shut:
        return f"{server.name} cannot reach {wish.pbx_address} on port {', '.join(shut)}"
    untried = [str(port) for port, state in states.items() if state is None]
    if untried:
        raise Unknown(f"whether {server.name} reaches {wish.pbx_address} on port {', '.join(untried)}")
    return None


def _said(listener: Listener) -> str:
    owner = f" ({listener.process})" if listener.process else ""
    return f"{listener.protocol} {listener.address}:{listener.port}{owner}"


@rule("host.dns-server", hint="Remove the DNS server; the stub on 127.0.0.53 may stay.", guide="Step 1")
def dns_server(snapshot: Snapshot, wish: Wish) -> str | None:
    """The server must not act as: DNS server."""
    sockets = of(snapshot.server, snapshot.server.listeners, "the listening sockets")
    found = [_said(item) for item in sockets if item.port == DNS and not is_loopback(item.address)]
    return f"{snapshot.server.name} serves DNS: {', '.join(found)}" if found else None


@rule("host.dhcp-server", hint="Remove the DHCP server.", guide="Step 1")
def dhcp_server(snapshot: Snapshot, wish: Wish) -> str | None:
    """The server must not act as: DHCP server."""
    sockets = of(snapshot.server, snapshot.server.listeners, "the listening sockets")
    found = [
        _said(item)
        for item in sockets
        if item.protocol == "udp" and item.port in DHCP and not is_loopback(item.address)
    ]
    return f"{snapshot.server.name} serves DHCP: {', '.join(found)}" if found else None


@rule(
    "host.port-taken",
    hint="Stop what uses the port; ClickHouse needs it on the host's network.",
    guide="Step 5",
)
def port_taken(snapshot: Snapshot, wish: Wish) -> str | None:
    """Install Data Flow Service on a Separate Server (ClickHouse uses the ports 8123 and 9000)."""
    docker = snapshot.docker
    if docker.present is not False:
        known(docker.containers, f"the containers of {snapshot.server.name}")
    clickhouse = service(docker, wish.data_path).clickhouse
    if clickhouse is not None and clickhouse.running:
        return None
    sockets = of(snapshot.server, snapshot.server.listeners, "the listening sockets")
    found = [_said(item) for item in sockets if item.protocol == "tcp" and item.port in CLICKHOUSE_PORTS]
    return f"{snapshot.server.name}: ClickHouse's ports are taken: {', '.join(found)}" if found else None


RULES = (
    address_dynamic,
    address_missing,
    public_address_elsewhere,
    pbx_unreachable_from_server,
    dns_server,
    dhcp_server,
    port_taken,
)
