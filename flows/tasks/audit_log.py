"""The audit log on the control node."""

from __future__ import annotations

from blocks.ssh_client import SshClient
from flows.core.audit.append import read_command
from flows.core.numbers import STATE_FOLDER

AUDIT_LOG = f"{STATE_FOLDER}/audit.log"


def read_log(ssh: SshClient) -> str:
    """The whole log, "" where there is none. Raises `Unreachable` or `CommandFailed`."""
    return ssh.run(read_command(AUDIT_LOG)).stdout
