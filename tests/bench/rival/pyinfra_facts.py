"""Asks one host by pyinfra: `pyinfra_facts.py PORT USER KEY KNOWN_HOSTS < QUESTIONS`; the rivals' Python runs it.

QUESTIONS is JSON: [[name, command], …]; each is a command of its own. Prints JSON: the answers, seconds and CPU from
connecting to the last of them, so that neither the start of Python nor pyinfra's imports count.
"""

from __future__ import annotations

import json
import sys
import time

from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.context import ctx_host, ctx_state


def main(port: str, user: str, key: str, known_hosts: str) -> None:
    """Connect, ask, print."""
    questions = json.load(sys.stdin)
    data = {"ssh_port": int(port), "ssh_user": user, "ssh_key": key, "ssh_known_hosts_file": known_hosts}
    data |= {"ssh_strict_host_key_checking": "yes", "ssh_look_for_keys": False, "ssh_allow_agent": False}
    began, used = time.perf_counter(), time.process_time()
    state = State(Inventory((["127.0.0.1"], data)), Config())
    connect_all(state)
    (host,) = state.inventory
    with ctx_state.use(state), ctx_host.use(host):
        answers = {}
        for name, command in questions:
            said, output = host.run_shell_command(command, print_output=False, print_input=False)
            answers[name] = [0 if said else 1, output.stdout]
    took, busy = time.perf_counter() - began, time.process_time() - used
    disconnect_all(state)
    print(json.dumps({"seconds": took, "cpu_seconds": busy, "answers": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
