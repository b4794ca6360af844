"""The folder of a change on the control node: its state, and the big texts that later runs compare with."""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from binascii import Error as NotBase64

from blocks.ssh_client import SshClient
from flows.core.change_state import ChangeState, as_json, from_json
from flows.core.numbers import STATE_FOLDER
from flows.errors import CommandFailed, DataFlowError

CHANGES = f"{STATE_FOLDER}/changes"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UPDATE = "Update this worker to the version of the one that wrote it, or look at the file by hand."


def change_folder(change: str) -> str:
    """Where a change keeps what it knows; the id becomes a part of a path, so it is checked."""
    return f"{CHANGES}/{_checked(change)}"


def read_state(ssh: SshClient, change: str) -> ChangeState | None:
    """The state of a change; `None` when there is no such change.

    Raises `DataFlowError` when the file was written by a newer version, or is damaged.
    """
    place = f"{change_folder(change)}/state.json"
    text = ssh.read(place)
    return None if text is None else _parse(ssh, place, text)


def write_state(ssh: SshClient, state: ChangeState) -> None:
    """Write the whole state in one step: whoever reads finds the old one or the new one."""
    folder = _prepare(ssh, state.id)
    ssh.write(f"{folder}/state.json", as_json(state), mode=0o600)


def list_states(ssh: SshClient) -> tuple[ChangeState, ...]:
    """Every change that the control node knows, the oldest first.

    Raises `DataFlowError` when one of them cannot be read: it may be the one that matters.
    """
    there = ssh.run(f"[ ! -d {CHANGES} ] || find {CHANGES} -mindepth 2 -maxdepth 2 -name state.json").stdout
    places = [(place, ssh.read(place)) for place in sorted(there.split())]
    states = [_parse(ssh, place, text) for place, text in places if text is not None]
    return tuple(sorted(states, key=lambda state: (state.started, state.id)))


def keep(ssh: SshClient, change: str, name: str, text: str) -> None:
    """Keep a big text beside the state, e.g. the snapshot "reference"; compressed, since it may be megabytes."""
    folder = _prepare(ssh, change)
    ssh.write(f"{folder}/{_checked(name)}.gz.b64", _packed(text), mode=0o600)


def fetch(ssh: SshClient, change: str, name: str) -> str | None:
    """A text that was kept before; `None` when there is none of that name. Raises `DataFlowError` for a damaged one."""
    place = f"{change_folder(change)}/{_checked(name)}.gz.b64"
    text = ssh.read(place)
    if text is None:
        return None
    try:
        return gzip.decompress(base64.b64decode(text, validate=False)).decode()
    except (NotBase64, EOFError, OSError, ValueError) as error:
        hint = "It was damaged on the control node's disk; without it, what was before the change is not known."
        raise DataFlowError(ssh.where, f"reading {place}", f"{error}", hint) from error


def _packed(text: str) -> str:
    # No time in it: the same text gives the same file.
    return base64.encodebytes(gzip.compress(text.encode(), mtime=0)).decode()


def _prepare(ssh: SshClient, change: str) -> str:
    folder = change_folder(change)
    ssh.run(f"umask 077; mkdir -p {shlex.quote(folder)} && chmod 700 {CHANGES} {shlex.quote(folder)}")
    return folder


def _parse(ssh: SshClient, place: str, text: str) -> ChangeState:
    try:
        return from_json(text)
    except (ValueError, TypeError) as error:
        raise DataFlowError(ssh.where, f"reading {place}", str(error), _UPDATE) from error


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        hint = "An id or name here consists of letters, digits, dots, dashes and underscores."
        raise CommandFailed("pbx01", "naming a file of a change", f"{name!r} is no name for it", hint)
    return name
