"""The PBX's message bus, as far as the stand-in for Data Flow asks it: one line of JSON to whoever connects."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.engine.namespaces import End, Listener


class Bus(Listener):
    """Answers at `here` with what `tell` returns, until it is closed."""

    def __init__(self, here: End, tell: Callable[[], dict[str, Any]]) -> None:
        self._tell = tell
        super().__init__(here, self._answer)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(2)
            if connection.recv(64).startswith(b"DATAFLOW"):  # others only look whether the port is open
                connection.sendall(json.dumps(self._tell()).encode() + b"\n")
