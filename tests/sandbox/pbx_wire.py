"""What passes between the PBX stand-in's web server and what answers: requests, replies, refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Request:
    """One request as it came in; `body` is the JSON or form that it carried."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any] = field(repr=False)
    bearer: str = field(repr=False)
    address: str


@dataclass(frozen=True)
class Reply:
    """What goes back: a status and JSON (`None`: no body), or `raw` text of another kind."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: str | None = None
    kind: str = "application/json"


class Refused(Exception):
    """Ends a request with an error body as the PBX words it."""

    def __init__(self, status: int, code: str = "UNKNOWN", message: str = "") -> None:
        super().__init__(status, code, message)
        self.reply = error_reply(status, code, message)


class Logged(NamedTuple):
    """One line of the request log: no body, no header, no secret; status 0 when nothing was answered."""

    method: str
    path: str
    status: int


def error_reply(status: int, code: str, message: str) -> Reply:
    """An error body: `{"errors": [{"code", "message", "detail"}]}`."""
    return Reply(status, {"errors": [{"code": code, "message": message, "detail": None}]})
