"""Rules about software: updates and reboots, and what must not be installed beside Data Flow."""

from __future__ import annotations

import re

from flows.core.findings import Level
from flows.core.preflight.rule import every, of, rule
from flows.core.snapshot import HostFacts, Snapshot
from flows.core.wish import Wish

PREPARE = "Step 1"
# `unattended-upgr` is not here: the daemon that only waits for the shutdown has the same 15 characters.
APT = {"apt", "apt-get", "aptitude", "dpkg", "apt.systemd.dai"}
POSTGRESQL = re.compile(r"postgresql(-\d+(\.\d+)?)?")
REMOTE_PACKAGES = re.compile(
    r"teamviewer(-host)?|anydesk|rustdesk|xrdp|x11vnc|vnc4server|realvnc-vnc-server|nomachine|splashtop-streamer|"
    r"chrome-remote-desktop|dwagent|(tigervnc|tightvnc)\S*server|tightvncserver|remotely-agent"
)
REMOTE_PROCESSES = re.compile(
    r"teamviewerd?|anydesk|rustdesk|xrdp|x11vnc|Xvnc|Xtightvnc|nxserver\.bin|dwagent|SRServer"
)
VPN_PACKAGES = re.compile(
    r"openvpn\S*|wireguard(-tools|-go|-dkms)?|strongswan\S*|libreswan|openswan|tailscale|zerotier-one|openconnect|"
    r"vpnc|xl2tpd|pptpd|softether-vpn\S*|nordvpn|netbird|tinc|cloudflare-warp|anyconnect"
)
VPN_PROCESSES = re.compile(
    r"openvpn|wireguard-go|wg-crypt-\S*|charon(-systemd)?|pluto|tailscaled|zerotier-one|openconnect|vpnc|"
    r"xl2tpd|pptpd|vpnserver|netbird|nordvpnd|tincd|warp-svc|vpnagentd"
)
VPN_INTERFACES = re.compile(r"(tun|tap|wg|ppp|zt|ipsec|vti|tailscale|nordlynx|utun|wt)\w*\d\w*")


@rule(
    "host.updates-pending",
    level=Level.WARNING,
    hint="sudo apt update && sudo apt upgrade, at a time that suits.",
    guide=PREPARE,
)
def updates_pending(snapshot: Snapshot, wish: Wish) -> str | None:
    """Install all available system updates and service packs."""
    host = snapshot.server
    waiting = of(host, host.pending_updates, "the pending updates")
    if not waiting:
        return None
    age = "of unknown age" if host.package_lists_age is None else f"{host.package_lists_age / 86400:.0f} days old"
    names = ", ".join(waiting[:5]) + (", …" if len(waiting) > 5 else "")
    return f"{host.name}: {len(waiting)} updates wait by lists {age}: {names}"


@rule(
    "host.package-lists-old",
    level=Level.WARNING,
    hint="sudo apt update: a check never does it by itself, and old lists hide updates.",
    guide=PREPARE,
)
def package_lists_old(snapshot: Snapshot, wish: Wish) -> str | None:
    """Install all available system updates (which only fresh package lists can tell)."""
    host, limit = snapshot.server, wish.requirements.package_list_age
    age = of(host, host.package_lists_age, "the age of the package lists") / 86400
    return (
        None if age <= limit else f"{host.name}: the package lists are {age:.0f} days old, at most {limit:g} are good"
    )


@rule("host.reboot-pending", level=Level.WARNING, hint="Reboot the server before the change.", guide=PREPARE)
def reboot_pending(snapshot: Snapshot, wish: Wish) -> str | None:
    """Install all available system updates (which a pending reboot has not finished)."""
    host = snapshot.server
    waiting = of(host, host.reboot_pending, "whether a reboot is pending")
    return f"{host.name}: installed updates wait for a reboot" if waiting else None


@rule(
    "host.automatic-reboot",
    level=Level.WARNING,
    hint='Set Unattended-Upgrade::Automatic-Reboot "false" in /etc/apt/apt.conf.d/50unattended-upgrades.',
    guide="Step 5",
)
def automatic_reboot(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not interrupt the process, reboot any server, or close the terminal until the command completes."""

    def check(host: HostFacts) -> str | None:
        allowed = of(host, host.automatic_reboot, "whether unattended upgrades may reboot")
        return "unattended upgrades may reboot it at any time" if allowed else None

    return every((snapshot.server, snapshot.control), check)


@rule("host.apt-running", hint="Wait until it has ended: the script installs packages itself.", guide="Step 5")
def apt_running(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not interrupt the process (the script needs the package lock that a running apt holds)."""

    def check(host: HostFacts) -> str | None:
        running = sorted(of(host, host.processes, "the running processes") & APT)
        return f"{', '.join(running)} is running" if running else None

    return every((snapshot.server, snapshot.control), check)


def _installed(host: HostFacts, pattern: re.Pattern[str]) -> list[str]:
    names = of(host, host.packages, "the installed packages")
    return [f"package {name}" for name in sorted(names) if pattern.fullmatch(name)]


def _running(host: HostFacts, pattern: re.Pattern[str]) -> list[str]:
    names = of(host, host.processes, "the running processes")
    return [f"process {name}" for name in sorted(names) if pattern.fullmatch(name)]


@rule("host.postgresql", hint="Remove PostgreSQL from the server; its client may stay.", guide=PREPARE)
def postgresql(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not install PostgreSQL on the Data Flow server."""
    host = snapshot.server
    found = _installed(host, POSTGRESQL) + _running(host, re.compile("postgres|postmaster"))
    return f"{host.name} has PostgreSQL: {', '.join(found)}" if found else None


@rule("host.remote-access", hint="Remove the remote-access tool; SSH is enough.", guide=PREPARE)
def remote_access(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not install: TeamViewer, similar remote-access tools."""
    host = snapshot.server
    found = _installed(host, REMOTE_PACKAGES) + _running(host, REMOTE_PROCESSES)
    return f"{host.name} has a remote-access tool: {', '.join(found)}" if found else None


@rule("host.vpn", hint="Remove the VPN software from the server.", guide=PREPARE)
def vpn(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not install: VPN software."""
    host = snapshot.server
    found = _installed(host, VPN_PACKAGES) + _running(host, VPN_PROCESSES)
    interfaces = of(host, host.interfaces, "the network interfaces")
    found += [f"interface {name}" for name in interfaces if VPN_INTERFACES.fullmatch(name)]
    return f"{host.name} has VPN software: {', '.join(found)}" if found else None


RULES = (
    updates_pending,
    package_lists_old,
    reboot_pending,
    automatic_reboot,
    apt_running,
    postgresql,
    remote_access,
    vpn,
)
