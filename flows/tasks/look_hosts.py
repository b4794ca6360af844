"""Looks at the hosts: all questions of one host in one round trip, the PBX nodes through the control node."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import SecretStr

from blocks.cluster import DataFlowCluster
from blocks.ssh import SshHost
from blocks.ssh_client import SshClient
from flows.core.facts import (
    Answers,
    Question,
    ask,
    host_facts,
    host_questions,
    proposed_nodes,
    split,
    unreached,
)
from flows.core.snapshot import HostFacts, ScriptFacts
from flows.errors import AccessDenied, DataFlowError, Unreachable

UNUSED_PORT = 22
"""Any port will do to learn whether forwarding is allowed: a closed one is refused by the host, not by its sshd."""


def ask_host(
    ssh: SshClient,
    name: str,
    host: SshHost,
    *,
    folders: Sequence[str] = ("/",),
    ports: Sequence[tuple[str, int]] = (),
    more: Sequence[Question] = (),
    password_works: bool | None = None,
    forwarding: bool = False,
) -> tuple[HostFacts, Answers]:
    """Ask one host everything at once; also returns the raw answers for what only this host is asked.

    `forwarding` tries at the same time, in a channel of its own, whether ports behind the host can be reached.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        tried = pool.submit(may_forward, ssh) if forwarding else None
        sent = time.time()
        text = ask(host_questions(folders, ports, more))
        answers = split(ssh.run(text, check=False, timeout=host.command_timeout).stdout)
        received = time.time()
    facts = host_facts(
        name,
        answers,
        sent=sent,
        received=received,
        folders=folders,
        ports=ports,
        user=host.user,
        forwarding=tried.result() if tried else None,
        password_works=password_works,
    )
    return facts, answers


def may_forward(ssh: SshClient) -> bool | None:
    """Whether the host's SSH server lets us reach ports behind it; `None` when it did not say."""
    try:
        ssh.open_port(UNUSED_PORT).close()
    except AccessDenied:
        return False
    except Unreachable as error:
        return True if "refused" in error.answer.lower() or "connect failed" in error.answer.lower() else None
    return True


def same_password(cluster: DataFlowCluster, host: SshHost, through: SshClient | None = None) -> bool | None:
    """Whether the control node's user and password sign in here too; `None` where a key hides the answer.

    One sign-in at most: a password that this host rejected is never sent again.
    """
    password = cluster.control.password.get_secret_value()
    if not password:
        return None
    if not host.private_key.get_secret_value():
        return host.password.get_secret_value() == password
    probe = host.model_copy(
        update={
            "user": cluster.control.user,
            "password": cluster.control.password,
            "private_key": SecretStr(""),
        }
    )
    try:
        with probe.get_client(through=through):
            return True
    except AccessDenied:
        return False
    except Unreachable:
        return None


def look_nodes(
    cluster: DataFlowCluster, control: SshClient, script: ScriptFacts, own: HostFacts
) -> tuple[HostFacts, ...]:
    """The other PBX nodes, those of the block and those that `vars.yml` proposes, reached through the control node."""
    known = {a.address for a in own.addresses or ()} | {cluster.control.host}
    proposed = {address: name for name, address in proposed_nodes(script.variables or {}) if address}
    pins = {node.address: node for node in cluster.nodes}
    wanted = [address for address in dict.fromkeys((*proposed, *pins)) if address not in known]

    def look(address: str) -> HostFacts:
        node = pins.get(address)
        host = cluster.control.model_copy(
            update={
                "host": address,
                "port": node.port if node else 22,
                "host_key": node.host_key if node else "",
            }
        )
        return _look_node(cluster, control, proposed.get(address, address), host)

    # A sign-in is five round trips: all nodes wait for theirs at the same time.
    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool:
        return tuple(pool.map(look, wanted))


def _look_node(cluster: DataFlowCluster, control: SshClient, name: str, host: SshHost) -> HostFacts:
    try:
        with host.get_client(name=name, through=control) as ssh:
            works = same_password(cluster, host, control)
            return ask_host(ssh, name, host, password_works=works)[0]
    except DataFlowError as error:
        return unreached(name, str(error))
