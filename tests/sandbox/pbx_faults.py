"""Faults of the PBX stand-in, as words: each waits for the next requests that it fits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

from tests.sandbox.pbx_wire import Reply, error_reply


@dataclass(frozen=True)
class Fault:
    """What happens to the next `times` requests with this method and path ("*" fits every one)."""

    kind: str
    method: str
    path: str
    times: int
    reply: Reply = Reply()  # noqa: RUF009  (frozen, so one default for all is safe)
    seconds: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        """Whether this fault is meant for such a request."""
        return self.method in ("*", method) and self.path in ("*", path)


class Faults:
    """The faults that still wait; mixed into `Pbx`, so that a test reads `pbx.drop_next("GET", …)`."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._fault_lock = threading.Lock()

    def fail_next(
        self,
        method: str,
        path: str,
        status: int,
        *,
        times: int = 1,
        code: str = "UNKNOWN",
        message: str = "made to fail",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer with this status and an error body, without doing what was asked."""
        reply = replace(error_reply(status, code, message), headers=headers or {})
        self.faults.append(Fault("answer", method, path, times, reply))

    def answer_next(self, method: str, path: str, body: Any, *, status: int = 200, times: int = 1) -> None:
        """Answer with this JSON instead of the right one, without doing what was asked."""
        self.faults.append(Fault("answer", method, path, times, Reply(status, body)))

    def garble_next(self, method: str, path: str, text: str, *, kind: str = "text/html", times: int = 1) -> None:
        """Answer 200 with text that is no JSON."""
        self.faults.append(Fault("answer", method, path, times, Reply(raw=text, kind=kind)))

    def drop_next(self, method: str, path: str, *, times: int = 1) -> None:
        """Close the connection instead of doing what was asked."""
        self.faults.append(Fault("drop", method, path, times))

    def lose_next_answer(self, method: str, path: str, *, times: int = 1) -> None:
        """Do what was asked, then close the connection without an answer."""
        self.faults.append(Fault("lose", method, path, times))

    def slow_next(self, method: str, path: str, seconds: float, *, times: int = 1) -> None:
        """Wait before doing what was asked."""
        self.faults.append(Fault("slow", method, path, times, seconds=seconds))

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The first fault that fits this request, counted down."""
        with self._fault_lock:
            for index, fault in enumerate(self.faults):
                if fault.fits(method, path):
                    left = replace(fault, times=fault.times - 1)
                    self.faults[index : index + 1] = [left] if left.times > 0 else []
                    return fault
        return None
