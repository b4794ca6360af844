"""All facts of one host: its questions, and its answers read into one value."""

from __future__ import annotations

from collections.abc import Sequence

from flows.core.facts.clock import (
    CLOCK_FIRST,
    CLOCK_LAST,
    CLOCK_STATE,
    clock_offset,
    clock_synchronised,
    parse_time,
)
from flows.core.facts.disks import disk_questions, disks
from flows.core.facts.network import (
    NETWORK,
    parse_addresses,
    parse_interfaces,
    parse_listeners,
    port_questions,
    reachable,
)
from flows.core.facts.packages import (
    PACKAGES,
    parse_automatic_reboot,
    parse_packages,
    parse_upgradable,
)
from flows.core.facts.question import Answers, Question, holds, read
from flows.core.facts.system import (
    SYSTEM,
    parse_count,
    parse_governors,
    parse_memory,
    parse_os_release,
    parse_processes,
    parse_sleep_masked,
    parse_word,
)
from flows.core.snapshot import HostFacts


def host_questions(
    folders: Sequence[str] = ("/",), ports: Sequence[tuple[str, int]] = (), more: Sequence[Question] = ()
) -> tuple[Question, ...]:
    """Everything to ask of one host; the clock stands first and last, `more` between."""
    middle = (
        *SYSTEM,
        *CLOCK_STATE,
        *NETWORK,
        *PACKAGES,
        *disk_questions(folders),
        *port_questions(ports),
        *more,
    )
    return (*CLOCK_FIRST, *middle, *CLOCK_LAST)


def _lists_age(answers: Answers) -> float | None:
    changed, now = read(answers, "package-lists", parse_time), read(answers, "clock-first", parse_time)
    return None if changed is None or now is None else max(0.0, now - changed)


def _automatic_reboot(answers: Answers, packages: frozenset[str] | None) -> bool | None:
    """The setting counts only where the package that obeys it is installed."""
    setting = read(answers, "automatic-reboot", parse_automatic_reboot)
    if setting and packages is not None:
        return "unattended-upgrades" in packages
    return setting


def _sudo(answers: Answers) -> bool | None:
    """Without sudo at all there is no sudo without a password either."""
    return False if answers.get("sudo", (-1, ""))[0] == 127 else holds(answers, "sudo")


def _python(answers: Answers) -> bool | None:
    """`command -v` answers 1 or 127 for a program that is not there, depending on the shell."""
    return False if answers.get("python", (-1, ""))[0] == 127 else holds(answers, "python")


def host_facts(
    name: str,
    answers: Answers,
    *,
    sent: float,
    received: float,
    folders: Sequence[str] = ("/",),
    ports: Sequence[tuple[str, int]] = (),
    user: str | None = None,
    forwarding: bool | None = None,
    password_works: bool | None = None,
) -> HostFacts:
    """Read the answers of one host; what it did not tell, or not in a form we know, is None. Never raises.

    `sent` and `received` are our clock's readings around the one round trip.
    """
    os_id, os_version = read(answers, "os-release", parse_os_release) or (None, None)
    packages = read(answers, "packages", parse_packages)
    offset, uncertainty = clock_offset(answers, sent, received)
    return HostFacts(
        name=name,
        os_id=os_id,
        os_version=os_version or None,
        architecture=read(answers, "architecture", parse_word),
        vcpu=read(answers, "vcpu", parse_count),
        memory=read(answers, "memory", parse_memory),
        disks=disks(answers, folders),
        addresses=read(answers, "addresses", parse_addresses),
        interfaces=read(answers, "addresses", parse_interfaces),
        clock_synchronised=clock_synchronised(answers),
        clock_offset=offset,
        clock_uncertainty=uncertainty,
        pending_updates=read(answers, "upgradable", parse_upgradable),
        package_lists_age=_lists_age(answers),
        reboot_pending=holds(answers, "reboot-required"),
        automatic_reboot=_automatic_reboot(answers, packages),
        sleep_masked=read(answers, "sleep-targets", parse_sleep_masked, codes=(0, 1)),
        governors=read(answers, "governors", parse_governors, codes=(0, 1)),
        packages=packages,
        processes=read(answers, "processes", parse_processes),
        listeners=read(answers, "listeners", parse_listeners),
        sudo=_sudo(answers),
        python=_python(answers),
        boot_id=read(answers, "boot-id", parse_word),
        reachable=reachable(answers, ports),
        forwarding=forwarding,
        user=user,
        password_works=password_works,
    )


def unreached(name: str, trouble: str) -> HostFacts:
    """A host that could not be looked at; everything about it is unknown."""
    return HostFacts(name=name, reached=False, trouble=trouble)
