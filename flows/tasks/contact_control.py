"""A first contact with pbx01: its scripts as text, and the keys that the other nodes show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prefect import task

from blocks.ssh import SshHost
from blocks.ssh_client import SshClient
from flows.core.change import Told
from flows.core.contact.clean import clean, readable
from flows.core.contact.questions import of_control, of_ha, parse_names, sudo_works
from flows.core.contact.script import read_script
from flows.core.contact.seen import ControlSeen, HostSeen, Node
from flows.core.facts import Answers, Question, ask, parse_ha_status, proposed_nodes, split
from flows.core.facts.control import parse_hash
from flows.core.facts.network import parse_addresses
from flows.core.facts.question import holds, read
from flows.core.facts.script import parse_variables
from flows.core.facts.system import parse_os_release, parse_word
from flows.errors import AccessDenied, DataFlowError
from flows.tasks.contact_door import Met, through
from flows.tasks.secrets import secrets_of

SCRIPT = "dataflow.sh"
_INNER = ("lo", "docker", "br-", "veth")


@task(name="meet-pbx01", task_run_name="meet-pbx01", persist_result=False)
def meet_control(block: SshHost, folder: str) -> Told[Met[ControlSeen]]:
    """Read the vendor's scripts on pbx01; a host that does not open is a door with its reason."""

    def look() -> tuple[ControlSeen, Sequence[str]]:
        with block.get_client(name="pbx01") as ssh:
            return _look(block, ssh, folder)

    return through("pbx01", block, look, _said)


def _said(seen: ControlSeen) -> str:
    return f"{SCRIPT} {'is there' if seen.present else 'was not seen'}, {len(seen.nodes)} other nodes are named"


def _look(block: SshHost, ssh: SshClient, folder: str) -> tuple[ControlSeen, tuple[str, ...]]:
    first = of_control(folder, SCRIPT)
    answers = answers_of(ssh, block, first)
    ha_script = read(answers, "ha-script", read_script)
    ha = of_ha(folder, ha_script) if ha_script else ()
    ha_text = (read(answers_of(ssh, block, ha), ha[0].name, str) if ha else None) or ""
    variables = read(answers, "variables", parse_variables)
    nodes = _nodes(block, ssh, variables or {}, own_addresses(answers))
    seen = ControlSeen(
        host=host_seen(block, answers),
        folder=folder,
        present=holds(answers, "script-present"),
        sha256=read(answers, "script-hash", parse_hash) or "",
        script=read(answers, "script", read_script),
        variables=variables,
        beside=read(answers, "beside", parse_names) or (),
        key=holds(answers, "key"),
        trusted=read(answers, "trusted", lambda text: bool(text.strip())),
        ha_verb=ha[0].name.removeprefix("ha-") if ha else "",
        ha_text=clean(ha_text, secrets_of(block)).strip(),
        ha_verbs=ha_script.verbs if ha_script else (),
        ha_healthy=_healthy(ha_text),
        nodes=nodes,
    )
    names = [question.name for question in (*first, *ha)]
    return seen, (*names, *(f"the host key of {node.address}" for node in nodes))


def answers_of(ssh: SshClient, block: SshHost, questions: Sequence[Question]) -> Answers:
    """Ask a host in one round trip."""
    return split(ssh.run(ask(questions), check=False, timeout=block.command_timeout).stdout)


def host_seen(block: SshHost, answers: Answers) -> HostSeen:
    """What every host is asked."""
    system = read(answers, "os-release", parse_os_release)
    return HostSeen(
        user=block.user,
        name=read(answers, "hostname", parse_word) or "",
        system=" ".join(system or ()).strip(),
        addresses=own_addresses(answers),
        sudo=sudo_works(answers),
        python=holds(answers, "python"),
    )


def own_addresses(answers: Answers) -> tuple[str, ...]:
    """The IPv4 addresses under which others can reach this host."""
    found = read(answers, "addresses", parse_addresses) or ()
    return tuple(a.address for a in found if ":" not in a.address and not a.interface.startswith(_INNER))


def _healthy(text: str) -> bool | None:
    try:
        return parse_ha_status(text)[0]
    except ValueError:
        return None


def _nodes(block: SshHost, ssh: SshClient, variables: dict[str, str], own: Sequence[str]) -> tuple[Node, ...]:
    named = ((name, address) for name, address in proposed_nodes(variables) if address)
    return tuple(_node(block, ssh, name, address) for name, address in named if address not in (*own, block.host))


def _node(block: SshHost, ssh: SshClient, name: str, address: str) -> Node:
    """The key that a node shows: nothing is pinned, so the connection ends before anybody signs in."""
    unknown = block.model_copy(update={"host": address, "port": 22, "host_key": ""})
    try:
        with unknown.get_client(name=name, through=ssh):
            raise AssertionError("a host without a pinned key let us in")
    except AccessDenied as error:
        key = re.search(r": ((?:ssh|ecdsa|sk)-\S+ \S+)$", error.hint)
        return Node(name, address, key.group(1) if key else "", "" if key else readable(error.answer))
    except DataFlowError as error:
        return Node(name, address, trouble=readable(error.answer))
