"""The HTTPS server under the PBX stand-in: TLS in each connection's own thread, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.sandbox.pbx_wire import Reply, Request

Answer = Callable[[Request], Reply | None]


class PbxServer(ThreadingHTTPServer):
    """Serves `answer` over TLS; an answer of `None` closes the connection without a byte."""

    daemon_threads = False  # so that closing waits for the threads

    def __init__(self, answer: Answer, admit: Callable[[str], str], context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.admit, self.context = answer, admit, context
        self.stopping = threading.Event()
        self._live: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="sandbox-pbx")
        self._thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Let a connection in, drop it at once, or leave it without any answer."""
        verdict = self.admit(str(client_address[0]))
        if verdict == "silence":
            self._live.add(request)
            while not self.stopping.wait(0.05) and _still_there(request):
                pass
        if verdict != "welcome":
            return
        # Handshake and reads are bounded and can be cut: a client that says nothing keeps no thread.
        request.settimeout(30)
        link = self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        self._live.add(link)
        try:
            with contextlib.suppress(OSError):
                link.do_handshake()
                _Handler(link, client_address, self)
        finally:
            self._live.discard(link)
            link.close()

    def stop(self) -> None:
        """Close every connection and the port, and wait for the threads."""
        self.stopping.set()
        self.shutdown()
        for link in list(self._live):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


def _still_there(link: socket.socket) -> bool:
    try:
        return link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "PortSIP", ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one write
    server: PbxServer

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal: `Pbx.requests` is the log."""

    def _handle(self) -> None:
        reply = self.server.answer(self._request())
        if reply is None:
            self.close_connection = True
            return
        raw = reply.raw.encode() if reply.raw is not None else b""
        if reply.body is not None:
            raw = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        if raw:
            self.send_header("Content-Type", reply.kind)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(raw)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        scheme, _, bearer = (self.headers.get("Authorization") or "").partition(" ")
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            body=_fields(self.headers.get("Content-Type") or "", raw),
            bearer=bearer if scheme == "Bearer" else "",
            address=str(self.client_address[0]),
        )


def _fields(kind: str, raw: str) -> dict[str, Any]:
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(raw))
    try:
        body = json.loads(raw or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
