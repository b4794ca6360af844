"""A network link that can break: a small TCP proxy on loopback in front of a port.

What a test says to it: `cut()`, `freeze()`, `thaw()`, `refuse()`, `allow()`, `cut_after(bytes)`, `refuse_after(n)`.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType

Pair = tuple[socket.socket, socket.socket]
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    """Passes bytes between a free port of its own (`port`) and `target`, until told otherwise."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._target = (host, target)
        self.connections = 0  # accepted since the start, the refused ones not counted
        self._pairs: set[Pair] = set()
        self._halves: set[Pair] = set()  # one direction has ended
        self._guard = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._refuse_from: int | None = None
        self._cut_in: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"link-{self.port}", daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, in both directions, now."""
        with self._guard:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _reset(*pair)

    def freeze(self) -> None:
        """Pass nothing any more, silently: sockets stay open, new connections are taken and get no answer."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass everything again, also what was held back."""
        self._flowing.set()

    def refuse(self) -> None:
        """Reset every new connection; those that are open stay."""
        self._refuse_from = 0

    def allow(self) -> None:
        """Take new connections again."""
        self._refuse_from = None

    def cut_after(self, count: int) -> None:
        """Cut everything once, when `count` more bytes went to the clients."""
        with self._guard:
            self._cut_in = count

    def refuse_after(self, count: int) -> None:
        """Take `count` more connections, then refuse."""
        self._refuse_from = self.connections + count

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._pairs)

    def close(self) -> None:
        """End the link and everything that runs through it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        self.cut()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._take(client)

    def _take(self, client: socket.socket) -> None:
        refused = self._refuse_from is not None and self.connections >= self._refuse_from
        try:
            server = None if refused else socket.create_connection(self._target, timeout=5)
        except OSError:
            server = None
        if server is None:
            _reset(client)
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        pair = (client, server)
        with self._guard:
            self._pairs.add(pair)
        for args in ((client, server, pair, True), (server, client, pair, False)):
            threading.Thread(target=self._pump, args=args, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, pair: Pair, up: bool) -> None:
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
                if not up and self._counted(len(data)):
                    return self.cut()
            self._flowing.wait()
            with self._guard:
                if pair not in self._pairs:
                    return None  # it was cut: a polite end must not come before the reset
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(pair)
            return _reset(*pair)
        return self._half_done(pair)

    def _half_done(self, pair: Pair) -> None:
        with self._guard:
            first = pair in self._pairs and pair not in self._halves
            (self._halves.add if first else self._halves.discard)(pair)
        if not first:  # both directions ended in peace
            self._forget(pair)
            for end in pair:
                end.close()

    def _counted(self, passed: int) -> bool:
        with self._guard:
            if self._cut_in is None:
                return False
            self._cut_in -= passed
            due = self._cut_in <= 0
            if due:
                self._cut_in = None
            return due

    def _forget(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._guard:
            self._pairs.discard(pair)
            self._halves.discard(pair)


def _reset(*ends: socket.socket) -> None:
    """Close so that the other side gets a reset; reading threads of this side wake up first."""
    for end in ends:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            end.shutdown(socket.SHUT_RD)
        end.close()
