"""The audit log on the control node: what a run appends to it, and what an audit reads of it."""

from __future__ import annotations

import time

from blocks.ssh_client import Answer, SshClient
from flows.core.audit.append import END, OTHER, append_command, end_command, parse_end, read_command
from flows.core.audit.chain import Head, head_of, next_line, place_of
from flows.core.audit.record import ChangeRecord, as_values
from flows.core.numbers import AUDIT_APPENDS, AUDIT_PAUSE, AUDIT_READ, STATE_FOLDER
from flows.errors import CommandFailed

AUDIT_LOG = f"{STATE_FOLDER}/audit.log"


def read_log(ssh: SshClient) -> str:
    """The whole log, "" where there is none. Raises `Unreachable` or `CommandFailed`."""
    return _answer(ssh, "reading the audit log", read_command(AUDIT_LOG), AUDIT_READ)


def read_end(ssh: SshClient, most: int = END) -> tuple[int, str] | None:
    """Size and end of the log; None where the folder is not there that it would be in."""
    command = f"[ -d {STATE_FOLDER} ] || exit 0; {end_command(AUDIT_LOG, most)}"
    answer = _answer(ssh, "reading the end of the audit log", command)
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
    answer = Answer(OTHER, "", "")
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
            raise _refused(ssh, "appending to the audit log", answer)
        time.sleep(AUDIT_PAUSE)
    raise _refused(ssh, f"appending to the audit log, which grew {AUDIT_APPENDS} times meanwhile", answer)


def _answer(ssh: SshClient, tried: str, command: str, timeout: float | None = None) -> str:
    answer = ssh.run(command, check=False, timeout=timeout)
    if answer.exit_code != 0:
        raise _refused(ssh, tried, answer)
    return answer.stdout


def _refused(ssh: SshClient, tried: str, answer: Answer) -> CommandFailed:
    hint = f"Look at {AUDIT_LOG} there: is the disk full, does it belong to another account, or is its guard held?"
    said = answer.stderr.strip() or f"exit code {answer.exit_code}"
    return CommandFailed(ssh.where, tried, said, hint, answer.exit_code)
