"""The PBX's message bus, as far as the stand-in for Data Flow asks it: one line of JSON to whoever connects."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.engine.namespaces import End, within


class Bus:
    """Answers at `here` with what `tell` returns, until it is closed."""

    def __init__(self, here: End, tell: Callable[[], dict[str, Any]]) -> None:
        self._tell = tell
        self._listener = within(here.pid, lambda: socket.create_server((here.address, here.port)))
        self._thread = threading.Thread(target=self._serve, name="lab-bus")
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(2)
                if connection.recv(64).startswith(b"DATAFLOW"):  # others only look whether the port is open
                    connection.sendall(json.dumps(self._tell()).encode() + b"\n")
