"""Runs the programs of `flows.remote` on the server, always those of this version, and reads what they answer."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from blocks.ssh_client import SshClient
from flows.core.numbers import RESTORE_POINT_WAIT, STATE_FOLDER
from flows.errors import CommandFailed

_REFUSED, _NO_PROGRAM = 3, 127


def ask_program(
    ssh: SshClient, program: str, *words: str, stdin: str = "", beside: Sequence[str] = ()
) -> dict[str, Any]:
    """Run one of our programs on the server, with those that it imports `beside` it, and read its answer.

    Raises `CommandFailed` with the reason when it refuses or fails.
    """
    texts = {name: files("flows.remote").joinpath(f"{name}.py").read_text() for name in (*beside, program)}
    place = f"{STATE_FOLDER}/{program}.py"
    # One call instead of three: the service may be down meanwhile. `head` leaves the rest of the input to the program.
    put = " && ".join(_put(f"{STATE_FOLDER}/{name}.py", len(text.encode())) for name, text in texts.items())
    command = f"umask 077; mkdir -p {STATE_FOLDER}; {put} && exec python3 -B {place} {shlex.join(words)}"
    given = "".join((*texts.values(), stdin))
    answer = ssh.run(command, sudo=True, stdin=given, check=False, timeout=RESTORE_POINT_WAIT)
    tried = f"{program} {words[0]}"
    if answer.exit_code == _REFUSED:
        hint = "Nothing was changed. Settle the cause, then press Retry."
        raise CommandFailed(ssh.where, tried, str(json.loads(answer.stdout)["refused"]), hint, _REFUSED)
    if answer.exit_code != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        hint = "It may be run again." if answer.exit_code != _NO_PROGRAM else "Install it there: apt install python3."
        raise CommandFailed(ssh.where, tried, said[-1] if said else "no output", hint, answer.exit_code)
    return dict(json.loads(answer.stdout))


def _put(place: str, length: int) -> str:
    return f"head -c {length} > {place}.$$ && mv -f {place}.$$ {place}"
