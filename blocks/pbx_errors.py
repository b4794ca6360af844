"""What goes wrong between us and the PBX, translated into the tree of `blocks.errors` in one place."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable
from blocks.tls import HOW_TO_PIN

BLACKLISTED = (
    "Check address, port and firewalls. A blacklisted address looks exactly like this: after five bad "
    "sign-ins the PBX drops everything from us for an hour (Web Portal > Blacklist and Codes > IP Blacklist: "
    "a Block entry that contains this worker's address)."
)
NOT_TLS = "Use the port of the Web Portal over HTTPS (usually 8887; 8888 is plain HTTP)."
OWN_MISTAKE = "Check address, port and paths in the block."
RIGHTS = (
    "The account needs the role System Admin, or a custom role with System Settings Full Access. While our "
    "address is not whitelisted, throttling can answer like this too."
)
REPLY_LIMIT = 300
"""Characters of a foreign message that we repeat."""


def from_httpx(exc: Exception, where: str, tried: str, presented: Callable[[], str] = str) -> DataFlowError:
    """The error that an exception of httpx becomes; `presented` finds out the server's fingerprint."""
    answer = f"{type(exc).__name__}: {str(exc)[:REPLY_LIMIT]}".rstrip(": ")
    certificate = _cause(exc, ssl.SSLCertVerificationError)
    if certificate is not None:
        reason = getattr(certificate, "verify_message", "") or str(certificate)
        answer = f"{reason}; presented SHA-256 fingerprint: {presented() or 'not to be had'}"
        return AccessDenied(where, "to verify its TLS certificate (no password was sent)", answer, HOW_TO_PIN)
    wrong_protocol = _cause(exc, ssl.SSLError)
    # A connection that ends within the handshake was dropped; it says nothing about the protocol.
    # (Python 3.11.2, which Debian 12 has, calls that a close where later ones call it an unexpected end.)
    dropped = isinstance(wrong_protocol, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if wrong_protocol is not None and not dropped:
        return Unreachable(where, tried, answer, NOT_TLS)
    match exc:
        case httpx.TimeoutException():
            return Unreachable(where, tried, f"no answer in time ({type(exc).__name__})", BLACKLISTED)
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return APIError(where, tried, answer, OWN_MISTAKE)
        case httpx.TransportError():
            return Unreachable(where, tried, answer, BLACKLISTED)
        case httpx.HTTPStatusError():
            return APIError(where, tried, answer, OWN_MISTAKE, exc.response.status_code)
    return APIError(where, tried, answer, OWN_MISTAKE)


@contextmanager
def translated(where: str, tried: str, presented: Callable[[], str] = str) -> Iterator[None]:
    """Run a call of httpx and translate whatever it raises."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as exc:
        if isinstance(exc, httpx.RequestError):
            # The exception stays reachable as __cause__, and its request holds password or token.
            exc.request = httpx.Request("GET", "https://removed.invalid/")
        raise from_httpx(exc, where, tried, presented) from exc


def from_reply(status: int, message: str, where: str, tried: str) -> DataFlowError:
    """The error that a reply with a bad status becomes; `message` is its (masked) `reply_message`."""
    answer = f"HTTP {status}: {message}"
    if status == 401:
        hint = "The sign-in was taken, yet this call was refused: check the account's rights on the PBX."
        return AccessDenied(where, tried, answer, hint)
    if status == 403:
        return AccessDenied(where, tried, answer, RIGHTS)
    if status == 429:
        hint = "The PBX throttles addresses that are not whitelisted: add this worker's to its IP list."
        return APIError(where, tried, answer, hint, status)
    if status >= 500:
        return APIError(where, tried, answer, "Look at the PBX's health, then run it again.", status)
    return APIError(where, tried, answer, "The PBX's message says what it did not like.", status)


def reply_codes(response: httpx.Response) -> tuple[str, ...]:
    """The codes in an error body, such as `UNAUTHORIZED`; empty for anything else."""
    return tuple(str(error.get("code", "UNKNOWN")) for error in _errors(response))


def reply_message(response: httpx.Response) -> str:
    """Code and message of an error body as one line; for anything else only its kind, never its text."""
    errors = _errors(response)
    if errors:
        told = "; ".join(f"{error.get('code', 'UNKNOWN')}: {error.get('message', '')}" for error in errors)
        return " ".join(told.split())[:REPLY_LIMIT]
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    return f"no error body ({kind}, {len(response.content)} bytes)"


def _errors(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        body = response.json()
    except ValueError:
        return []
    errors = body.get("errors") if isinstance(body, dict) else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _cause(exc: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The first exception of this kind in the chain of causes."""
    while exc is not None and not isinstance(exc, kind):
        exc = exc.__cause__ or exc.__context__
    return exc
