"""Package facts: what is installed, which updates wait, how old the lists are, reboots.

Nothing here runs `apt update`: a look changes nothing.
"""

from __future__ import annotations

import re

from flows.core.facts.question import Question

PACKAGES = (
    Question("packages", "dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n'"),
    Question("upgradable", "apt list --upgradable"),
    Question("package-lists", "stat -c %Y /var/lib/apt/lists"),
    Question("reboot-required", "test -e /run/reboot-required"),
    Question("automatic-reboot", "apt-config dump Unattended-Upgrade::Automatic-Reboot"),
)


def parse_packages(text: str) -> frozenset[str]:
    """Names of installed packages (status `ii` or `hi`), without architecture."""
    lines = (line.split() for line in text.splitlines())
    names = frozenset(w[1].partition(":")[0] for w in lines if len(w) >= 2 and w[0] in ("ii", "hi"))
    if not names:
        raise ValueError("no package is installed")
    return names


def parse_upgradable(text: str) -> tuple[str, ...]:
    """Names of packages with an update, by the lists that are there."""
    return tuple(re.findall(r"^([a-z0-9][a-z0-9+.-]*)/\S+ .*\[upgradable from: ", text, re.MULTILINE))


def parse_automatic_reboot(text: str) -> bool:
    """Whether unattended upgrades may reboot; nothing set means no."""
    value = re.search(r'^Unattended-Upgrade::Automatic-Reboot\s+"(.*?)";', text, re.MULTILINE)
    return value is not None and value.group(1).lower() in ("true", "1", "yes", "on", "with", "enable")
