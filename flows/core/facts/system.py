"""System facts: distribution, machine, cores, memory, processes, power saving."""

from __future__ import annotations

import re

from flows.core.facts.question import Question

SYSTEM = (
    Question("os-release", "cat /etc/os-release"),
    Question("architecture", "uname -m"),
    Question("vcpu", "nproc"),
    Question("memory", "cat /proc/meminfo"),
    Question("boot-id", "cat /proc/sys/kernel/random/boot_id"),
    Question("processes", "ps -eo comm="),
    Question(
        "sleep-targets",
        "systemctl is-enabled sleep.target suspend.target hibernate.target hybrid-sleep.target",
    ),
    Question("governors", "cat /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"),
    Question("sudo", "sudo -n true"),
    Question("python", "command -v python3"),
)

_SLEEP_WORDS = {"masked", "masked-runtime", "static", "enabled", "disabled", "indirect", "alias", "linked"}


def parse_os_release(text: str) -> tuple[str, str]:
    """Id and version of the distribution: ("ubuntu", "24.04"); the version is "" for rolling ones."""
    values = dict(re.findall(r"^\s*([A-Z_]+)=\"?'?(.*?)\"?'?\s*$", text, re.MULTILINE))
    return values["ID"].lower(), values.get("VERSION_ID", "")


def parse_word(text: str) -> str:
    """The single word of an answer."""
    (word,) = text.split()
    return word


def parse_count(text: str) -> int:
    """A positive whole number."""
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


def parse_memory(text: str) -> int:
    """Bytes of memory that the kernel has, from /proc/meminfo."""
    match = re.search(r"^MemTotal:\s+(\d+)\s*kB", text, re.MULTILINE)
    if match is None:
        raise ValueError("no MemTotal")
    return int(match.group(1)) * 1024


def parse_processes(text: str) -> frozenset[str]:
    """Names of running processes; the kernel cuts them after 15 characters."""
    names = frozenset(line.strip() for line in text.splitlines() if line.strip())
    if not names:
        raise ValueError("a host without processes")
    return names


def parse_sleep_masked(text: str) -> bool:
    """Whether every kind of sleep is masked."""
    words = [word for word in text.split() if word in _SLEEP_WORDS]
    if not words:
        raise ValueError(text)
    return all(word.startswith("masked") for word in words)


def parse_governors(text: str) -> tuple[str, ...]:
    """The different frequency governors in use; none on a machine without frequency scaling."""
    return tuple(sorted(set(text.split())))
