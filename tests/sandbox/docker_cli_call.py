"""How the stand-in for `docker` asks its engine: one HTTP/1.0 request for each call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from docker_cli import Failure, connect  # type: ignore[import-not-found]

if TYPE_CHECKING:
    import _socket as socket


def escape(text: str) -> str:
    """The text as part of an address."""
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:@"
    return "".join(c if c in plain else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


def ask(method: str, path: str, body: Any = None, headers: str = "") -> tuple[int, Iterator[bytes]]:
    """One call; the status and the answer's body as it arrives."""
    line = connect()
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
    line.sendall(head.encode() + data)  # at once: the engine may answer and hang up before a second part
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(65536)
        if not piece:
            raise Failure("error during connect: unexpected EOF")
        got += piece
    first, _, rest = got.partition(b"\r\n\r\n")
    return int(first.split()[1]), _pieces(line, rest)


def _pieces(line: socket.socket, first: bytes) -> Iterator[bytes]:
    piece = first or line.recv(65536)
    while piece:
        yield piece
        piece = line.recv(65536)


def call(method: str, path: str, body: Any = None, headers: str = "") -> Any:
    """One call whose answer is JSON, text or nothing; raises what docker would print."""
    status, stream = ask(method, path, body, headers)
    text = b"".join(stream)
    if status >= 400:
        raise Failure("Error response from daemon: " + json.loads(text)["message"])
    return json.loads(text) if text.strip()[:1] in (b"{", b"[") else text


def follow(path: str, headers: str) -> Iterator[Any]:
    """One call whose answer is a stream of JSON lines."""
    status, stream = ask("POST", path, headers=headers)
    rest = b""
    for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (json.loads(line) for line in lines if line.strip() and status < 400)
    if status >= 400:
        raise Failure("Error response from daemon: " + json.loads(rest)["message"])
