"""One command on a host of the sandbox: real bash, with the host's paths, streams in both directions as they come."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import paramiko

from tests.sandbox import paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.host import Host

_GONE = (OSError, EOFError, paramiko.SSHException)  # what paramiko raises when the client went away
_QUIET = 0.05  # seconds without more output until a kept tail (a half path, or just a "/") goes out


def run(host: Host, channel: paramiko.Channel, command: str) -> None:
    """Run the command and pass everything on, until it ended and its output is closed."""
    host.commands.append(command)
    # What the command did not read any more breaks the pipe once more when Popen closes it.
    with (
        suppress(BrokenPipeError),
        subprocess.Popen(
            ["bash", "-c", paths.rerouted(host.reach, paths.moved(host.root, command))],
            executable="/bin/bash",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=host.environment,
            cwd=host.path(f"/home/{host.user}"),
            start_new_session=True,
        ) as process,
    ):
        # The Engine API of `docker system dial-stdio` and HTTP in `docker exec` count their bytes: none is taken.
        raw = "dial-stdio" in command or "docker exec -i" in command
        readers = [
            threading.Thread(target=_pass_on, args=(host, stream, send, raw), daemon=True)
            for stream, send in ((process.stdout, channel.sendall), (process.stderr, channel.sendall_stderr))
        ]
        for thread in (*readers, threading.Thread(target=_feed, args=(channel, process.stdin), daemon=True)):
            thread.start()
        process.wait()
        readers[0].join(_QUIET)  # the order that clients are used to: output, then the exit code
        with suppress(*_GONE):
            if process.returncode >= 0:  # killed: no exit code, as sshd has it
                channel.send_exit_status(process.returncode)
        for thread in readers:
            thread.join()
        with suppress(*_GONE):
            channel.shutdown_write()
            channel.close()


def _feed(channel: paramiko.Channel, sink: IO[bytes] | None) -> None:
    assert sink is not None
    with suppress(*_GONE, ValueError):
        while data := channel.recv(65536):
            sink.write(data)
            sink.flush()
    with suppress(OSError, ValueError):
        sink.close()


def _pass_on(host: Host, source: IO[bytes] | None, send: Callable[[bytes], None], raw: bool) -> None:
    assert source is not None
    remover = paths.RootRemover(host.root)
    try:
        while True:
            if remover.waiting and not select.select([source], [], [], _QUIET)[0]:
                send(remover.flush())
            data = os.read(source.fileno(), 65536)
            if passed := data if raw else remover.feed(data) if data else remover.flush():
                send(passed)
            if not data:
                return
    except _GONE:
        source.close()  # nobody listens any more: the command gets SIGPIPE when it goes on writing
