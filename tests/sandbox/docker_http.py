"""HTTP over a unix socket, as Docker's engine speaks it: versions in the path, JSON, streamed answers."""

from __future__ import annotations

import json
import re
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit


class DockerFault(Exception):
    """An answer that is an error: the status and docker's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


class Request(NamedTuple):
    """One request: the path without version, its variable parts, and what came with it."""

    method: str
    path: str
    parts: tuple[str, ...]
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    def flag(self, name: str) -> bool:
        """A yes or no of the query."""
        return self.query.get(name, "").lower() in ("1", "true")


class Answer(NamedTuple):
    """One answer: JSON, bytes, a stream of JSON lines, or a function that takes the connection over."""

    status: int
    body: Any = None


_UPGRADED = (
    b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
    b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
)
Respond = Callable[[str, str, dict[str, str], Any, dict[str, str]], Answer]


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, lets the engine answer, writes the answer."""

    protocol_version = "HTTP/1.1"
    server: DockerSocket

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:  # the client went away
            return

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        try:
            body = json.loads(text) if text.strip() else {}
            answer = self.server.respond(self.command, unquote(url.path), query, body, dict(self.headers))
        except DockerFault as fault:
            answer = Answer(fault.status, {"message": fault.message})
        except ValueError as error:
            answer = Answer(400, {"message": str(error)})
        try:
            self._send(answer)
        except OSError:  # the client went away in the middle of an answer
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_HEAD = do_PUT = _serve

    def _send(self, answer: Answer) -> None:
        if callable(answer.body):  # the connection is the caller's from here on, as `docker exec` wants it
            self.close_connection = True
            self.wfile.write(_UPGRADED)
            answer.body(self.rfile, self.wfile)
            with suppress(OSError):  # whoever still waits for the caller's words need not any more
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        stream = isinstance(answer.body, Iterator)
        data = b"" if stream or answer.body is None else self._encoded(answer.body)
        self.send_response(answer.status)
        self.send_header("Api-Version", self.server.api_version)
        self.send_header("Docker-Experimental", "false")
        self.send_header("Ostype", "linux")
        if isinstance(answer.body, bytes):
            self.send_header("Content-Type", "application/octet-stream")
        elif answer.body is not None:
            self.send_header("Content-Type", "text/plain" if isinstance(answer.body, str) else "application/json")
        chunked = stream and self.request_version == "HTTP/1.1"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif stream:
            self.send_header("Connection", "close")
        elif answer.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if stream:
            self._send_stream(answer.body, chunked)
        elif self.command != "HEAD":
            self.wfile.write(data)

    def _send_stream(self, lines: Iterator[Any], chunked: bool) -> None:
        for line in lines:
            data = self._encoded(line) + b"\r\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def _encoded(body: Any) -> bytes:
        if isinstance(body, bytes):
            return body
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def log_message(self, *_: object) -> None:
        """Say nothing: the engine keeps its own list of requests."""


class DockerSocket(socketserver.ThreadingUnixStreamServer):
    """The listening socket; `close` also ends the connections that are still open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: Path, respond: Respond, api_version: str) -> None:
        self.respond, self.api_version, self.path = respond, api_version, path
        self.connections: set[socket.socket] = set()
        super().__init__(str(path), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; anything else is told, or nobody knows why a call ended."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()

    def close(self) -> None:
        """Stop listening, cut every connection, remove the socket."""
        self.shutdown()
        self.server_close()
        self.path.unlink(missing_ok=True)
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed already
                continue
        self._thread.join(5)


def without_version(path: str) -> tuple[str, str]:
    """Split `/v1.41/info` into `1.41` and `/info`."""
    found = re.match(r"/v(\d+\.\d+)(/.*)", path)
    return (found[1], found[2]) if found else ("", path)
