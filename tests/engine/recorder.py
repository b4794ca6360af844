"""Notes every command that reaches a host of the lab, as its own sshd starts it, and every request to Docker's API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.engine.hosts import LabHost

SETTING, PROGRAM = "/etc/ssh/sshd_config.d/lab-record.conf", "/usr/local/sbin/lab-record"
COMMANDS, DOCKER = "/var/log/lab-commands", "/var/log/lab-docker"
_TEXT = f"""#!/bin/bash
printf '%s\\0' "$SSH_ORIGINAL_COMMAND" >>{COMMANDS}
case $SSH_ORIGINAL_COMMAND in
*'docker system dial-stdio') exec bash -c "tee -a {DOCKER} | $SSH_ORIGINAL_COMMAND" ;;
*) exec bash -c "$SSH_ORIGINAL_COMMAND" ;;
esac
"""
_REQUEST = re.compile(r"^(GET|HEAD|POST|PUT|DELETE|PATCH) (\S+) HTTP/1\.[01]\r?$", re.MULTILINE)


@contextmanager
def watched(host: LabHost) -> Iterator[None]:
    """Let sshd start every command through a program that notes it; afterwards it is as it was."""
    host.write(PROGRAM, _TEXT, 0o755)
    for log in (COMMANDS, DOCKER):
        host.write(log, "", 0o666)
    host.write(SETTING, f"ForceCommand {PROGRAM}\n")
    host.restart_ssh()
    try:
        yield
    finally:
        host.path(SETTING).unlink()
        host.path(PROGRAM).unlink()
        host.restart_ssh()


def commands(host: LabHost) -> list[str]:
    """What was started on it, in the order in which it came."""
    return host.path(COMMANDS).read_text().split("\0")[:-1]


def docker_requests(host: LabHost) -> list[str]:
    """What its engine was asked: `GET /v1.41/info`."""
    text = host.path(DOCKER).read_bytes().decode(errors="replace")
    return [f"{method} {path}" for method, path in _REQUEST.findall(text)]
