"""Signs in to the PBX in either of its documented forms, keeps the token fresh, signs out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from blocks.errors import AccessDenied, APIError, DataFlowError
from blocks.pbx_errors import reply_codes
from blocks.pbx_forms import FORMS, Form
from blocks.pbx_wire import LOOK, ONCE, SIGN_IN, Wire
from blocks.rejected import refuse_if_rejected, remember_rejected

EARLY = 60.0
"""Seconds before its end at which a token is renewed (a quarter of its life, when that is less)."""


@dataclass(frozen=True)
class Tokens:
    """What a sign-in yields; `renew_at` is a reading of the clock, `None` when the PBX names no end."""

    access: SecretStr
    refresh: SecretStr
    renew_at: float | None = field(default=None)


class Session:
    """One sign-in on the PBX, from `sign_in` to `sign_out`."""

    def __init__(
        self,
        wire: Wire,
        user: str,
        password: SecretStr,
        form: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire, self._user, self._password = wire, user, password
        self._forms, self._clock = FORMS[form], clock
        self._tokens: Tokens | None = None
        self.life: float | None = None
        wire.keep_secret(password)

    @property
    def form(self) -> Form:
        """The form of the sign-in: the one that worked, once one did."""
        return self._forms[0]

    def sign_in(self) -> None:
        """Send the password once; raises `AccessDenied` with the reason when that does not open a session."""
        refuse_if_rejected(self._wire.where, self._user, self._password)
        response = self._send_password(self._forms[0])
        if response.status_code in (404, 405) and len(self._forms) > 1:
            self._forms = self._forms[1:]  # this PBX does not know the newer form: nothing was judged
            response = self._send_password(self._forms[0])
        if not response.is_success:
            raise self._refusal(response)
        self._take(response)

    def bearer(self) -> SecretStr:
        """The access token, renewed first when it is about to end."""
        tokens = self._signed_in()
        if tokens.renew_at is not None and self._clock() >= tokens.renew_at:
            self.renew()
        return self._signed_in().access

    def renew(self) -> None:
        """Get a new access token by the refresh token, or by a new sign-in where that is refused."""
        form, refresh = self._forms[0], self._signed_in().refresh
        if refresh.get_secret_value():
            response = self._wire.send("POST", form.refresh, again=SIGN_IN, **form.renewal(refresh))
            if response.is_success:
                self._take(response)
                return
        self.sign_in()

    def sign_out(self) -> None:
        """End the session on the PBX; a failure is of no consequence, the token ends by itself."""
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            with contextlib.suppress(DataFlowError):
                self._wire.send("POST", self._forms[0].sign_out, again=ONCE, bearer=tokens.access)

    def account(self) -> dict[str, Any] | None:
        """What the PBX says of the signed-in account; `None` where it does not know that question."""
        response = self._wire.send("GET", "/api/auth/user", again=LOOK, bearer=self.bearer())
        if response.status_code in (404, 405):
            return None
        if not response.is_success:
            raise self._wire.error(response)
        body = _json(response)
        return body if isinstance(body, dict) else None

    def _send_password(self, form: Form) -> httpx.Response:
        body = form.credentials(self._user, self._password)
        return self._wire.send("POST", form.sign_in, again=SIGN_IN, **body)

    def _refusal(self, response: httpx.Response) -> DataFlowError:
        codes = reply_codes(response)
        status = response.status_code
        judged = (status == 401 and not codes) or (status in (400, 401, 403) and "UNAUTHORIZED" in codes)
        if not judged:
            return self._wire.error(response)
        hint = "Correct user or password in the block; this password is not sent again by any run until then."
        try:
            remember_rejected(self._wire.where, self._user, self._password)
        except DataFlowError as exc:
            hint = (
                "Correct user or password in the block before anything runs again: that it was rejected "
                f"could not be noted ({exc}), and five bad sign-ins block our address for an hour."
            )
        answer = f"HTTP {status}: {self._wire.message(response)}"
        return AccessDenied(self._wire.where, f"to sign in as {self._user}", answer, hint)

    def _take(self, response: httpx.Response) -> None:
        body = _json(response)
        if isinstance(body, dict) and body.get("two_factor_enabled"):
            raise AccessDenied(
                self._wire.where,
                f"to sign in as {self._user}",
                "the password is right, but the PBX asks for a second factor (2FA)",
                "Switch 2FA off for this account, or use an account of its own for automation: the code goes "
                "out by e-mail and nobody here can read it.",
            )
        access = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(access, str) or not access.isascii() or not access.isprintable() or not access:
            raise self._unknown(response, body)
        refresh = body.get("refresh_token") if isinstance(body, dict) else None
        self._tokens = Tokens(SecretStr(access), SecretStr(str(refresh or "")), self._renewal_time(body))
        self._wire.keep_secret(self._tokens.access, self._tokens.refresh)

    def _renewal_time(self, body: dict[str, Any]) -> float | None:
        try:
            self.life = life = float(body["expires_in"])
        except (KeyError, TypeError, ValueError):
            return None
        return self._clock() + life - min(EARLY, life / 4)

    def _unknown(self, response: httpx.Response, body: Any) -> APIError:
        keys = ", ".join(sorted(body)) if isinstance(body, dict) else type(body).__name__
        hint = "This PBX answers in a form that is not documented; try the other sign-in form in the block."
        answer = f"an unknown reply ({keys})"
        return APIError(self._wire.where, "to sign in", answer, hint, response.status_code)

    def _signed_in(self) -> Tokens:
        if self._tokens is None:
            hint = "Use the client inside its `with` block."
            raise APIError(self._wire.where, "to use a session", "there is none", hint)
        return self._tokens


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
