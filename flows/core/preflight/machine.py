"""Rules about the machine: cores, memory, system, architecture, power saving."""

from __future__ import annotations

from flows.core.facts.script import proposed_nodes
from flows.core.findings import Level
from flows.core.preflight.rule import every, of, rule
from flows.core.preflight.sizes import enough_memory, gib
from flows.core.snapshot import HostFacts, Snapshot
from flows.core.wish import Wish

HARDWARE = "Hardware Requirements"
SYSTEM = "Supported Linux Operating System"


@rule("host.vcpu", hint="Give the server more vCPUs.", guide=HARDWARE)
def vcpu(snapshot: Snapshot, wish: Wish) -> str | None:
    """Minimum Requirements: vCPU: 4 cores."""
    seen, wanted = of(snapshot.server, snapshot.server.vcpu, "the number of vCPUs"), wish.requirements.vcpu
    if seen >= wanted:
        return None
    return f"{snapshot.server.name}: {seen} vCPU; required are at least {wanted}"


@rule("host.memory", hint="Give the server more memory.", guide=HARDWARE)
def memory(snapshot: Snapshot, wish: Wish) -> str | None:
    """Minimum Requirements: Memory: 16 GB."""
    seen, wanted = of(snapshot.server, snapshot.server.memory, "the memory"), wish.requirements.memory_gib
    if enough_memory(seen, wanted):
        return None
    return f"{snapshot.server.name}: {gib(seen)} of memory; required are at least {wanted:g} GiB"


@rule("host.sizing", level=Level.WARNING, hint="Grow the server when reports become slow.", guide=HARDWARE)
def sizing(snapshot: Snapshot, wish: Wish) -> str | None:
    """Recommended: vCPU: 8 cores, Memory: 32 GB; large sites: vCPU >= 8, Memory: vCPU x 4 GB."""
    host, asked = snapshot.server, wish.requirements
    cores, size = of(host, host.vcpu, "the number of vCPUs"), of(host, host.memory, "the memory")
    wanted = max(asked.recommended_memory_gib, 4.0 * cores if cores >= asked.recommended_vcpu else 0.0)
    short = []
    if cores < asked.recommended_vcpu:
        short.append(f"{cores} vCPU, recommended are {asked.recommended_vcpu}")
    if not enough_memory(size, wanted):
        short.append(f"{gib(size)} of memory, recommended are {wanted:g} GiB (4 for each vCPU)")
    return f"{host.name}: {'; '.join(short)}" if short else None


@rule("host.os", hint="Install the supported system on the server.", guide=SYSTEM)
def operating_system(snapshot: Snapshot, wish: Wish) -> str | None:
    """Supported OS: Ubuntu 24.04."""
    host, asked = snapshot.server, wish.requirements
    name, version = of(host, host.os_id, "the system"), of(host, host.os_version, "the system's version")
    if name == asked.os_id and version in asked.os_versions:
        return None
    return f"{host.name}: {name} {version}; required is {asked.os_id} {' or '.join(asked.os_versions)}"


@rule("host.architecture", hint="Use a 64-bit machine of a supported type.", guide=SYSTEM)
def architecture(snapshot: Snapshot, wish: Wish) -> str | None:
    """Supported OS: Ubuntu 24.04 (64-bit)."""
    host, wanted = snapshot.server, wish.requirements.architectures
    seen = of(host, host.architecture, "the machine type")
    return None if seen in wanted else f"{host.name}: {seen}; required is {' or '.join(wanted)}"


def unlisted_nodes(snapshot: Snapshot) -> tuple[str, ...]:
    """The PBX nodes that `vars.yml` names and nobody looked at."""
    hosts = (snapshot.control, *snapshot.nodes)
    names = {host.name for host in hosts} | {a.address for host in hosts for a in host.addresses or ()}
    proposed = proposed_nodes(snapshot.script.variables or {})
    return tuple(f"{name} ({address})" for name, address in proposed if not {name, address} & names)


@rule(
    "host.os-differs",
    hint="Bring all PBX nodes and the server to one release; add each node with its pinned key to the block.",
    guide=SYSTEM,
)
def system_differs(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow server must run the same OS version as the PBX HA nodes."""
    server = snapshot.server
    name = of(server, server.os_id, "the system")
    own = f"{name} {of(server, server.os_version, 'the version')}"

    def check(host: HostFacts) -> str | None:
        if not host.reached:
            return f"could not be looked at ({host.trouble})"
        seen = f"{of(host, host.os_id, 'the system')} {of(host, host.os_version, 'the version')}"
        return None if seen == own else f"{seen}; {server.name} runs {own}"

    said = every((snapshot.control, *snapshot.nodes), check)
    missing = unlisted_nodes(snapshot)
    unseen = f"vars.yml names {', '.join(missing)}, which the block does not" if missing else None
    return "; ".join(text for text in (said, unseen) if text) or None


@rule(
    "host.power-saving",
    level=Level.WARNING,
    hint="sudo systemctl mask sleep.target suspend.target hibernate.target hybrid-sleep.target; "
    "set the frequency governor to performance.",
    guide="Step 1",
)
def power_saving(snapshot: Snapshot, wish: Wish) -> str | None:
    """Disable all power-saving features: Set the system to High Performance mode."""
    host = snapshot.server
    wrong = []
    if not of(host, host.sleep_masked, "whether sleep is disabled"):
        wrong.append("sleep and suspend are not masked")
    slow = [name for name in of(host, host.governors, "the frequency governor") if name != "performance"]
    if slow:
        wrong.append(f"the frequency governor is {', '.join(slow)}, not performance")
    return f"{host.name}: {'; '.join(wrong)}" if wrong else None


RULES = (vcpu, memory, sizing, operating_system, architecture, system_differs, power_saving)
