"""The audit log on the control node: what a run appends to it, and what an audit reads of it."""

from __future__ import annotations

import time

from blocks.ssh_client import SshClient
from flows.core.audit.append import END, OTHER, append_command, end_command, parse_end, read_command
from flows.core.audit.chain import Head, head_of, next_line, place_of
from flows.core.audit.record import ChangeRecord, as_values
from flows.core.numbers import AUDIT_APPENDS, AUDIT_PAUSE, AUDIT_READ, STATE_FOLDER
from flows.errors import CommandFailed

AUDIT_LOG = f"{STATE_FOLDER}/audit.log"


def read_log(ssh: SshClient) -> str:
    """The whole log, "" where there is none. Raises `Unreachable` or `CommandFailed`."""
    return ssh.run(read_command(AUDIT_LOG), timeout=AUDIT_READ).stdout


def read_end(ssh: SshClient, most: int = END) -> tuple[int, str] | None:
    """Size and end of the log; None where the folder is not there that it would be in."""
    answer = ssh.run(f"[ -d {STATE_FOLDER} ] || exit 0; {end_command(AUDIT_LOG, most)}").stdout
    return parse_end(answer) if answer else None


def read_head(ssh: SshClient) -> Head | None:
    """The last whole line of the log, None where there is none."""
    found = read_end(ssh)
    return head_of(found[1]) if found else None


def append_record(ssh: SshClient, record: ChangeRecord) -> Head | None:
    """Append a record, unless the log holds it; returns its line as the head that it made.

    None where no change was ever made, so that no folder is there: a look leaves nothing on a host. Raises
    `Unreachable`, then the line may be there or not, or `CommandFailed`.
    """
    values, most = as_values(record), END
    for _ in range(AUDIT_APPENDS):
        if (found := read_end(ssh, most)) is None:
            return None
        size, end = found
        if there := place_of(end, values):
            return there
        if most < size and head_of(end) is None:  # its last line is longer: what it would be chained to is not seen
            most = size
            continue
        line = next_line(end, values)
        answer = ssh.run(append_command(AUDIT_LOG, size, line), stdin=line, check=False)
        if answer.exit_code == 0:
            return head_of(line)
        if answer.exit_code != OTHER:
            raise _refused(ssh.where, answer.stderr.strip() or f"exit code {answer.exit_code}", answer.exit_code)
        time.sleep(AUDIT_PAUSE)
    raise _refused(ssh.where, f"it grew {AUDIT_APPENDS} times between a look and the append", OTHER)


def _refused(where: str, answer: str, exit_code: int) -> CommandFailed:
    hint = f"Look at {AUDIT_LOG} there: is the disk full, does it belong to another account, or is its guard held?"
    return CommandFailed(where, "appending to the audit log", answer, hint, exit_code)
