"""Sockets inside the network namespace of a container, held by this process.

A socket belongs to the namespace in which it was made, whoever uses it then. So the stand-in of the PBX, which listens
on loopback of the machine, can be reached at an address inside the lab without listening on any address outside it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple, TypeVar

from tests.engine.bucket import Bucket

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def within(pid: int, action: Callable[[], T]) -> T:
    """Do something in the network namespace of this process; 0 is our own."""
    if pid == 0:
        return action()
    result: Future[T] = Future()
    # A thread of its own: the namespace is the thread's, and goes with it.
    thread = threading.Thread(target=_enter, args=(pid, action, result), name=f"namespace-{pid}")
    thread.start()
    thread.join()
    return result.result()


def _enter(pid: int, action: Callable[[], T], result: Future[T]) -> None:
    try:
        place = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _LIBC.setns(place, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the network of process {pid}")
        finally:
            os.close(place)
        result.set_result(action())
    except BaseException as error:
        result.set_exception(error)


class End(NamedTuple):
    """An address, and the process in whose network namespace it is meant (0: ours)."""

    pid: int
    address: str
    port: int


class Listener:
    """Listens at `here` and hands every connection to `take`, in a thread of its own; `port` is where (0 picks one)."""

    def __init__(self, here: End, take: Callable[[socket.socket], None]) -> None:
        self._take = take
        self._listener = within(here.pid, lambda: socket.create_server((here.address, here.port), backlog=64))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"listener-{self.port}")
        self._thread.start()

    def close(self) -> None:
        """Close the port."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(taken,), daemon=True).start()


class Relay(Listener):
    """Passes connections that arrive at `here` on to `there`; what comes back is taken out of `line` first."""

    def __init__(self, here: End, there: End, line: Bucket | None = None) -> None:
        self._there, self._line = there, line or Bucket()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(here, self._connect)

    def close(self) -> None:
        """Close the port and every connection."""
        super().close()
        with self._guard:
            still_open = list(self._open)
        for one in still_open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _connect(self, taken: socket.socket) -> None:
        address = (self._there.address, self._there.port)
        try:
            far = within(self._there.pid, lambda: socket.create_connection(address, timeout=10))
        except OSError:
            taken.close()
            return
        far.settimeout(None)
        with self._guard:
            self._open |= {taken, far}
        back = threading.Thread(target=_pump, args=(far, taken, self._line), daemon=True)
        back.start()
        _pump(taken, far, Bucket())
        back.join()
        with self._guard:
            self._open -= {taken, far}
        taken.close()
        far.close()


def _pump(source: socket.socket, target: socket.socket, line: Bucket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            line.take(len(data))
            target.sendall(data)
    for one, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with suppress(OSError):
            one.shutdown(how)
