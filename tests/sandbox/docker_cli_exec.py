"""`docker exec -i` of the stand-in for `docker`: its own streams joined with those of a command in a container."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from docker_cli import connect  # type: ignore[import-not-found]
from docker_cli_call import call, escape  # type: ignore[import-not-found]


def execute(words: list[str]) -> int:
    """Run the command, and end with its exit code."""
    interactive = "-i" in words[:1]
    name, *command = words[1:] if interactive else words
    body = {"AttachStdin": interactive, "AttachStdout": True, "AttachStderr": True, "Cmd": command}
    made = str(call("POST", f"/containers/{escape(name)}/exec", body)["Id"])
    line = connect()
    text = json.dumps({"Detach": False, "Tty": False})
    head = f"POST /exec/{made}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
    head += f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(text)}\r\n\r\n"
    line.sendall((head + text).encode())
    got = b""
    while b"\r\n\r\n" not in got:
        if not (piece := line.recv(1)):
            raise ConnectionError("unexpected EOF")
        got += piece
    _join(line, interactive)
    return int(call("GET", f"/exec/{made}/json")["ExitCode"])


def _join(line: object, interactive: bool) -> None:
    import socket
    import threading

    def upwards() -> None:
        with suppress(OSError):  # the command ended without reading all of it
            while interactive and (piece := os.read(0, 65536)):
                line.sendall(piece)  # type: ignore[attr-defined]
            line.shutdown(socket.SHUT_WR)  # type: ignore[attr-defined]

    threading.Thread(target=upwards, daemon=True).start()
    while head := _exactly(line, 8):
        piece = _exactly(line, int.from_bytes(head[4:], "big"))
        stream = sys.stderr if head[0] == 2 else sys.stdout
        while piece:
            piece = piece[os.write(stream.fileno(), piece) :]


def _exactly(line: object, count: int) -> bytes:
    found = b""
    with suppress(ConnectionResetError):  # an end as well: the command did not read all of its input
        while len(found) < count and (piece := line.recv(count - len(found))):  # type: ignore[attr-defined]
            found += piece
    return found
