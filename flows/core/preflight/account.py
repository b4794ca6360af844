"""Rules about the account and the clock: user, password, sudo, SSH forwarding, time."""

from __future__ import annotations

from itertools import combinations

from flows.core.preflight.rule import Unknown, every, of, rule
from flows.core.snapshot import HostFacts, Snapshot
from flows.core.wish import Wish

ACCOUNT = "User Account Requirements"
CLOCK = "Step 1"


def _all_hosts(snapshot: Snapshot) -> tuple[HostFacts, ...]:
    return snapshot.control, *snapshot.nodes, snapshot.server


@rule(
    "host.user-differs",
    hint="Create the same user on every machine and name it in the blocks.",
    guide=ACCOUNT,
)
def user_differs(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow server must use the same username as the PBX servers."""

    def check(host: HostFacts) -> str | None:
        seen = of(host, host.user, "the user who signed in")
        return None if seen == wish.user else f"signed in as {seen}; the cluster's user is {wish.user}"

    return every(_all_hosts(snapshot), check)


@rule(
    "host.password-differs",
    hint="Set the same password on every machine. Where all sign in by key only, lower this finding by name.",
    guide=ACCOUNT,
)
def password_differs(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow server must use the same password as the PBX servers."""

    def check(host: HostFacts) -> str | None:
        works = of(host, host.password_works, f"whether the password of {wish.user} signs in, which was not tried,")
        return None if works else f"the password of {wish.user} was refused"

    return every(_all_hosts(snapshot), check)


@rule(
    "host.sudo",
    hint="Allow it in a file below /etc/sudoers.d: `pbx ALL=(ALL) NOPASSWD: ALL`. "
    "The vendor's script asks on a terminal otherwise.",
    guide=ACCOUNT,
)
def sudo(snapshot: Snapshot, wish: Wish) -> str | None:
    """The user account must have sudo privileges to execute administrative commands."""

    def check(host: HostFacts) -> str | None:
        works = of(host, host.sudo, "whether sudo works without a password")
        return None if works else f"{wish.user} may not use sudo without a password"

    return every((snapshot.server, snapshot.control), check)


@rule(
    "host.ssh-forwarding",
    hint="Set `AllowTcpForwarding yes` (or `local`) in /etc/ssh/sshd_config: ClickHouse and other PBX nodes "
    "are reached through SSH, never over an open port.",
    guide="Step 4",
)
def ssh_forwarding(snapshot: Snapshot, wish: Wish) -> str | None:
    """To allow the cluster to deploy and manage the Data Flow service, configure SSH access."""

    def check(host: HostFacts) -> str | None:
        allowed = of(host, host.forwarding, "whether SSH forwarding is allowed")
        return None if allowed else "the SSH server forbids forwarding"

    return every((snapshot.server, snapshot.control), check)


@rule("host.clock", hint="sudo timedatectl set-ntp true, or set up chrony.", guide=CLOCK)
def clock(snapshot: Snapshot, wish: Wish) -> str | None:
    """Ensure the system date and time are correctly synchronized."""

    def check(host: HostFacts) -> str | None:
        good = of(host, host.clock_synchronised, "whether the clock is synchronised")
        return None if good else "the clock is not synchronised"

    return every((snapshot.server, snapshot.control), check)


@rule("host.clock-skew", hint="Synchronise all clocks with the same servers.", guide=CLOCK)
def clock_skew(snapshot: Snapshot, wish: Wish) -> str | None:
    """Ensure the system date and time are correctly synchronized (against each other and the worker)."""
    limit = wish.requirements.clock_skew
    clocks = [("the worker", 0.0, 0.0)]
    for host in (snapshot.control, snapshot.server):
        offset = of(host, host.clock_offset, "the clock's difference to ours")
        clocks.append((host.name, offset, host.clock_uncertainty))
    wrong, unsure = [], []
    for (one, at, blur), (other, then, more) in combinations(clocks, 2):
        apart, doubt = abs(at - then), blur + more
        said = f"{one} and {other} differ by {apart:.1f} s"
        if apart - doubt > limit:
            wrong.append(f"{said}; at most {limit:g} s is good")
        elif apart + doubt > limit:
            unsure.append(f"{said}, give or take {doubt:.1f} s")
    if unsure and not wrong:
        raise Unknown(f"{'; '.join(unsure)}; at most {limit:g} s is good")
    return "; ".join(wrong) or None


RULES = (user_differs, password_differs, sudo, ssh_forwarding, clock, clock_skew)
