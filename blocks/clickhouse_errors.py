"""What httpx and ClickHouse say, as our errors: the one place where they are mapped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx
from paramiko import SSHException

from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable

_SILENT = (
    *(httpx.TransportError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError),
    *(httpcore.ConnectionNotAvailable, httpcore.ProxyError, SSHException, EOFError, OSError),
)
_OTHER = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpx.CookieConflict,
    httpcore.UnsupportedProtocol,
)
_REFUSED = (193, 194, 516)  # wrong password, password required, authentication failed


@contextmanager
def translated(where: str, tried: str) -> Iterator[None]:
    """Turn what httpx, httpcore and the channel raise into our errors."""
    try:
        yield
    except DataFlowError:
        raise
    except Exception as error:
        found = translate(error, where, tried)
        if found is None:
            raise
        raise found from error


def translate(error: Exception, where: str, tried: str) -> DataFlowError | None:
    """Our error for one of theirs; `None` for what is none of theirs."""
    text = str(error) or type(error).__name__
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return APIError(where, tried, text, "This is a fault of our request.")
    if isinstance(error, _SILENT):
        hint = "Check that the ClickHouse container runs and is healthy."
        return Unreachable(where, tried, text, hint)
    if isinstance(error, (*_OTHER, ValueError)):
        return APIError(where, tried, text, "The answer was not what ClickHouse's HTTP interface gives.")
    return None


def refusal(where: str, tried: str, status: int, header: str, text: str) -> DataFlowError:
    """The error for an answer that is none: by ClickHouse's exception code first, then by the HTTP status."""
    code = exception_code(header, text)
    said = " ".join(text.split())[:400] or f"HTTP {status}"
    if code in _REFUSED or status in (401, 403):
        hint = (
            "Check the ClickHouse password in the block (empty: read from dataflow/system.ini); "
            "the container keeps the password that it was created with."
        )
        return AccessDenied(where, tried, f"HTTP {status}, code {code}: {_brief(said)}", hint)
    hint = "See clickhouse/log of the data path on the server."
    return APIError(where, tried, f"HTTP {status}, code {code}: {said}", hint, status, code)


def exception_code(header: str, text: str) -> int:
    """ClickHouse's number for the error, from the header, else from the text; 0: not told."""
    found = re.search(r"Code: (\d+)", text)
    return int(header) if header.isdigit() else int(found[1]) if found else 0


def _brief(said: str) -> str:
    """The sentence without ClickHouse's advice on where passwords are kept."""
    return re.split(r"(?<=name\.) If you ", said)[0]
