"""Hears what reaches a port of a host over its loopback, as the kernel passes it on; nobody on it is asked."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.engine.namespaces import within

_IP, _TCP = 0x0800, 6
"""As the kernel numbers the protocols. Who asks for one of them gets what arrives, and not once more what leaves."""


class Overheard:
    """While it is entered: `said` holds the bytes of every segment to this port, in the order in which they came."""

    def __init__(self, pid: int, port: int) -> None:
        self._port, self.said = port, list[bytes]()
        self._socket = within(pid, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IP)))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self._hearing = threading.Thread(target=self._hear, name=f"overheard-{port}")

    def __enter__(self) -> Self:
        self._socket.bind(("lo", _IP))
        self._hearing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._hearing.join()
        self._socket.close()

    def _hear(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                packet = self._socket.recv(1 << 17)
                segment = packet[(packet[0] & 15) * 4 :]
                if packet[9] == _TCP and int.from_bytes(segment[2:4]) == self._port:
                    self.said += filter(None, [segment[(segment[12] >> 4) * 4 :]])
