"""Sends requests to the PBX: verified TLS, bounded repeats with a growing pause, no secret in its errors."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import SecretStr

from blocks.errors import DataFlowError, Unreachable
from blocks.pbx_errors import from_reply, reply_message, translated

LONGEST_PAUSE = 30.0
"""Seconds; a `Retry-After` that asks for more is cut to this."""


@dataclass(frozen=True)
class Again:
    """What allows a request to be sent once more."""

    statuses: frozenset[int] = frozenset()
    dropped: bool = False  # also when the connection broke: only for requests that change nothing


LOOK = Again(frozenset({403, 429, 500, 502, 503, 504}), dropped=True)
"""A read may be repeated whatever happened."""

CHANGE = Again(frozenset({429}))
"""A change may be repeated only after a clear "not now"; after a broken connection somebody has to look."""

SIGN_IN = Again(frozenset({429, 503}))
"""Neither answer is a verdict on the password, so sending it again cannot count as a bad sign-in."""

ONCE = Again()
"""One attempt, whatever happens."""


class Wire:
    """One verified HTTP client and the patience with which it is used."""

    def __init__(
        self,
        client: httpx.Client,
        where: str,
        *,
        tries: int,
        first_pause: float,
        presented: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.where = where
        self.local_address: str | None = None
        self._client = client
        self._tries, self._first_pause, self._sleep = tries, first_pause, sleep
        self._presented = presented
        self._secrets: set[SecretStr] = set()
        client.event_hooks = {"response": [self._note_address]}

    def keep_secret(self, *secrets: SecretStr) -> None:
        """Take these out of every message of the PBX that is repeated in an error."""
        self._secrets.update(secrets)

    def send(
        self, method: str, path: str, *, again: Again, bearer: SecretStr | None = None, **body: Any
    ) -> httpx.Response:
        """Send a request, again where that is allowed, and return the last response whatever its status.

        Raises `Unreachable`, or `AccessDenied` for a wrong certificate.
        """
        headers = {"Authorization": f"Bearer {bearer.get_secret_value()}"} if bearer else {}
        for attempt in range(1, self._tries + 1):
            last = attempt == self._tries
            try:
                with translated(self.where, self._tried(method, path, attempt), self._presented):
                    response = self._client.request(method, path, headers=headers, **body)
            except Unreachable as exc:
                # Whoever does not answer in time is not asked again at once: the task's retries do that.
                if last or not again.dropped or isinstance(exc.__cause__, httpx.TimeoutException):
                    raise
                self._pause(attempt, None)
                continue
            if last or response.status_code not in again.statuses:
                response.extensions["attempt"] = attempt
                return response
            self._pause(attempt, response.headers.get("retry-after"))
        raise AssertionError("unreachable: tries is at least 1")

    def error(self, response: httpx.Response) -> DataFlowError:
        """The error that a response with a bad status stands for."""
        request = response.request
        tried = self._tried(request.method, request.url.path, response.extensions.get("attempt", 1))
        return from_reply(response.status_code, self.message(response), self.where, tried)

    def message(self, response: httpx.Response) -> str:
        """What the PBX says in an error body, without our secrets."""
        text = reply_message(response)
        for secret in self._secrets:
            if secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "********")
        return text

    def _tried(self, method: str, path: str, attempt: int) -> str:
        return f"{method} {path}" if attempt == 1 else f"{method} {path} (attempt {attempt})"

    def _pause(self, attempt: int, retry_after: str | None) -> None:
        asked = seconds_asked(retry_after)
        # Between half and all of it, so that several workers do not come back at the same moment.
        grown = self._first_pause * 2 ** (attempt - 1) * random.uniform(0.5, 1)
        self._sleep(min(LONGEST_PAUSE, grown if asked is None else asked))

    def _note_address(self, response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        address = stream.get_extra_info("client_addr") if stream is not None else None
        if address:
            self.local_address = str(address[0])


def seconds_asked(retry_after: str | None) -> float | None:
    """The seconds that a `Retry-After` header asks for (a number, or a date); `None` when it says nothing."""
    if not retry_after:
        return None
    try:
        if retry_after.strip().isdigit():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
