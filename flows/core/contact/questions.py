"""What a first contact asks of hosts: only what reads, and as root only what nobody else may read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from flows.core.contact.script import Script
from flows.core.facts.control import control_questions
from flows.core.facts.network import NETWORK, port_questions
from flows.core.facts.question import Answers, Question, read
from flows.core.facts.saved import server_questions
from flows.core.facts.system import SYSTEM

_HOST = (
    *(each for each in SYSTEM if each.name in ("os-release", "sudo", "python")),
    NETWORK[0],
    Question("hostname", "hostname"),
)
_SCRIPT = ("script-present", "script", "script-hash", "variables")
FIRST_EPHEMERAL = 32768
"""A peer's port from here on is one that its system chose: the peer opened that connection."""
HA_VERBS = ("status", "show")
"""The verbs of `ha_ctl.sh` that only tell, in the order in which they are tried."""


def of_control(folder: str, name: str) -> tuple[Question, ...]:
    """What pbx01 is asked first: itself, the scripts as text, and whether its firewall trusts somebody."""
    about = (each for each in control_questions(folder, name, "", "") if each.name in _SCRIPT)
    place, ha = shlex.quote(folder), shlex.quote(f"{folder}/ha_ctl.sh")
    return (
        *_HOST,
        *about,
        Question("ha-script", f"cat {ha} || sudo -n cat {ha}"),
        Question("beside", f"ls -A1 {place} || sudo -n ls -A1 {place}"),
        Question("key", "test -e ~/.ssh/id_rsa.pub"),
        Question("trusted", "sudo -n firewall-cmd --zone=trusted --list-sources"),
    )


def of_ha(folder: str, script: Script) -> tuple[Question, ...]:
    """The status of the HA cluster, by the first of its verbs that stands in the text of `ha_ctl.sh`; none: nothing."""
    verb = next((verb for verb in HA_VERBS if verb in script.verbs), "")
    place = shlex.quote(f"{folder}/ha_ctl.sh")
    return (Question(f"ha-{verb}", f"sudo -n /bin/bash {place} {verb}"),) if verb else ()


def of_server(data_path: str, ports: Sequence[tuple[str, int]]) -> tuple[Question, ...]:
    """What the server is asked: itself, saved parameters, its way to the PBX and the connections that are there now."""
    wanted = ("saved", "password")
    return (
        *_HOST,
        *(each for each in server_questions(data_path) if each.name in wanted),
        *port_questions(ports),
        Question("connections", "ss -H -t -n state established"),
    )


def parse_names(text: str) -> tuple[str, ...]:
    """File names, one a line, those with odd characters left out."""
    return tuple(line for line in text.splitlines() if re.fullmatch(r"[\w.+-]{1,60}", line))


def remote_ports(answers: Answers, addresses: Iterable[str]) -> tuple[int, ...] | None:
    """Ports of these addresses to which the host has a connection now; None: it could not tell."""
    wanted = {address for address in addresses if address}

    def parse(text: str) -> tuple[int, ...]:
        peers = (line.split()[3].rpartition(":") for line in text.splitlines() if len(line.split()) >= 4)
        ends = {int(port) for address, _, port in peers if _plain(address) in wanted and port.isdigit()}
        return tuple(sorted(port for port in ends if port < FIRST_EPHEMERAL))

    return read(answers, "connections", parse)


def _plain(address: str) -> str:
    return address.strip("[]").removeprefix("::ffff:")


def sudo_works(answers: Answers) -> bool | None:
    """Whether sudo works without a password; None: not told."""
    code = answers.get("sudo", (-1, ""))[0]
    return None if code < 0 else code == 0
