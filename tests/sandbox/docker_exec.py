"""`docker exec` of the sandbox: a process beside the container's own, joined with the caller's connection."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from tests.sandbox.docker_http import DockerFault

if TYPE_CHECKING:
    from tests.sandbox.docker_container import Container

CLICKHOUSE_PORT = "8123"


@dataclass
class Exec:
    """One command in a container: made by one call, run by the next."""

    container: Container
    words: list[str]
    id: str = field(default_factory=lambda: secrets.token_hex(32))
    exit_code: int | None = None

    def run(self, given: BinaryIO, taken: BinaryIO) -> None:
        """Run it until it ends; what it writes goes out in Docker's frames of stream, length, bytes."""
        # A container without network has a port 8123 of its own, which is another one of this machine.
        words = [str(self.container.port) if word == CLICKHOUSE_PORT else word for word in self.words]
        pipe = subprocess.PIPE
        with subprocess.Popen(  # without a buffer: closing its input never fails, whoever of the two threads does it
            words, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
        ) as process:
            threading.Thread(target=_feed, args=(given, process.stdin), daemon=True).start()
            assert process.stdout is not None
            try:
                while data := os.read(process.stdout.fileno(), 65536):
                    taken.write(b"\x01\0\0\0" + len(data).to_bytes(4, "big") + data)
                    taken.flush()
            except OSError:  # the caller went away
                process.kill()
            self.exit_code = process.wait()

    def describe(self) -> dict[str, Any]:
        """The command as `GET /exec/ID/json` shows it."""
        return {"ID": self.id, "Running": self.exit_code is None, "ExitCode": self.exit_code}


def _feed(given: BinaryIO, sink: IO[bytes] | None) -> None:
    assert sink is not None
    with suppress(OSError, ValueError):
        while data := given.read1(65536):  # type: ignore[attr-defined]
            sink.write(data)
    with suppress(OSError, ValueError):
        sink.close()


class Execs:
    """Every command that was made and can be started."""

    def __init__(self) -> None:
        self._by_id: dict[str, Exec] = {}

    def make(self, container: Container, words: list[str]) -> Exec:
        """Make one, with docker's refusal for a container that does not run."""
        if not container.running:
            raise DockerFault(409, f"Container {container.id} is not running")
        made = Exec(container, words)
        self._by_id[made.id] = made
        return made

    def get(self, name: str) -> Exec:
        """The one of this id, or docker's error that there is none."""
        if name not in self._by_id:
            raise DockerFault(404, f"No such exec instance: {name}")
        return self._by_id[name]
