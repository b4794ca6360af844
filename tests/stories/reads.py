"""Judges commands: whether everything that a shell text starts is known to read only.

It knows what may be started and how, and calls all else a change: a new question has to be thought about here.
"""

from __future__ import annotations

import re

READS = frozenset(
    ("cat", "sha256sum", "test", "[", "ls", "find", "grep", "hostname", "echo", "printf", "export", "ss", "ip", "date")
) | {"command", "read", "true", "exit"}
"""Programs that change nothing but by an option that `_CHANGING` names."""
_WORDS = frozenset(("if", "then", "else", "elif", "fi", "for", "in", "do", "done", "while", "{", "}", "!", "IFS="))
_CHANGING = re.compile(r"\s-(?:delete|exec\w*|ok\w*|fprint\w*|fls)\b|\bdate\s+(?:-s|--set)\b")
_TO_A_FILE = re.compile(r"(?<![<\d&=-])\d?>{1,2}(?!\s*/dev/null|&\d)|&>(?!\s*/dev/null)")
_SPLIT = re.compile(r"\n|;|&&|\|\||\||\(|\)|\$\(")
_SUDO = re.compile(r"^(?:sudo -n|\$s)\s+")
ALLOWED = (
    re.compile(r"sudo -n firewall-cmd --zone=trusted --list-sources"),
    re.compile(r"(?:sudo -n )?docker system dial-stdio"),
    re.compile(r"(?:sudo -n )?docker version --format '\{\{\.Server\.Version\}\}'"),
    re.compile(r"(?:sudo -n )?/bin/bash /opt/portsip-pbx-ha-guide/ha_ctl\.sh (?:status|show)"),
    re.compile(r"timeout 3 bash -c 'exec 3<>/dev/tcp/[\w.:-]+/\d+'"),
    re.compile(r"sudo -n bash -c '(test -e [\w./-]+ \|\| exit 44; cat [\w./-]+)'"),
)
"""Whole commands that are known to read: what the firewall trusts, Docker's API (its requests are judged by
themselves), the HA cluster's status, a connection that is opened and closed, one file as root."""


def started(command: str) -> list[str]:
    """What a shell would start for this text, one by one, without quoted words."""
    for known in ALLOWED:
        command = known.sub("true", command)
    command = re.sub(r"'[^'\n]*'|\"(?:[^\"$]|\$(?!\())*\"", "''", command)
    parts = (re.sub(r"\d?(?:>|<|>>)\s*(?:/dev/null)|\d>&\d", "", part).strip() for part in _SPLIT.split(command))
    words = (_bare(part) for part in parts)
    return [word for word in words if word]


def writes(command: str) -> list[str]:
    """What in this text is not known to read only; empty when all of it is."""
    for known in ALLOWED:
        command = known.sub("true", command)
    quoted = re.sub(r"'[^'\n]*'|\"(?:[^\"$]|\$(?!\())*\"", "''", command)
    found = [part for part in started(command) if part.split()[0] not in READS or _CHANGING.search(part)]
    return found + _TO_A_FILE.findall(quoted)


def _bare(part: str) -> str:
    """A part without what does not start anything: words of the shell, assignments, sudo."""
    while True:
        first, _, rest = part.partition(" ")
        if first in _WORDS or re.fullmatch(r"\w+=(?:''|[\w$-]*)", first):
            part = rest.strip()
        elif _SUDO.match(part):
            part = _SUDO.sub("", part)
        else:
            return part
