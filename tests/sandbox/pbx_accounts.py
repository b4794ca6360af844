"""Accounts of the PBX stand-in: both sign-in forms, tokens, and the lock-out after bad sign-ins."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.pbx_wire import Refused, Reply, Request

OAUTH_CLIENT = "9d806019-75b2-4b3d-bb8b-f5a3a412cc0a"
FULL_ACCESS = "SystemSettings.FullAccess"


@dataclass
class Account:
    """The one account, and how the PBX treats it; a test changes what it wants to see."""

    username: str = "admin"
    password: str = field(default_factory=lambda: "pbx-" + secrets.token_urlsafe(12), repr=False)
    two_factor: bool = False
    force_reset: bool = False
    role: str = "SystemAdmin"
    role_name: str = "System Admin"
    capabilities: list[str] | None = None
    knows_user: bool = True


class Accounts:
    """Answers everything about signing in; `block` is called with an address after too many bad sign-ins."""

    def __init__(
        self,
        account: Account,
        forms: tuple[str, ...],
        token_life: float,
        lock_after: int,
        block: Callable[[str], None],
    ) -> None:
        self.account, self.forms, self.token_life, self.lock_after = account, forms, token_life, lock_after
        self.missing_form_status, self.tell_expiry, self.give_refresh = 404, True, True
        self.bad_password_status: int | None = None
        self.bad_sign_ins: Counter[str] = Counter()
        self.issued: list[str] = []
        self._access: dict[str, float] = {}
        self._refresh: dict[str, str] = {}
        self._block, self._lock = block, threading.Lock()

    @property
    def sessions(self) -> int:
        """How many sign-ins were not signed out."""
        return len(self._refresh)

    def expire_tokens(self) -> None:
        """End every access token before its time; refresh tokens still work."""
        self._access.clear()

    def forget_sessions(self) -> None:
        """End every session, refresh tokens too, as a restart of the PBX does."""
        self._access.clear()
        self._refresh.clear()

    def sign_in_json(self, request: Request) -> Reply:
        """POST /api/auth/sign_in."""
        self._require_form("json")
        return self._sign_in(request, 401)

    def oauth_token(self, request: Request) -> Reply:
        """POST /api/login/oauth/token: sign-in and refresh."""
        self._require_form("oauth")
        if request.body.get("client_id") != OAUTH_CLIENT:
            raise Refused(400, "VALIDATE_FAILED", "client_id")
        if request.body.get("grant_type") == "refresh_token":
            return self._renew(request)
        if request.body.get("grant_type") != "password":
            raise Refused(400, "VALIDATE_FAILED", "grant_type")
        return self._sign_in(request, 400)

    def refresh_json(self, request: Request) -> Reply:
        """POST /api/auth/refresh_token."""
        self._require_form("json")
        return self._renew(request)

    def sign_out(self, request: Request) -> Reply:
        """Either form's sign-out."""
        self.require(request)
        with self._lock:
            self._access.pop(request.bearer, None)
            self._refresh = {r: a for r, a in self._refresh.items() if a != request.bearer}
        return Reply(200)

    def user(self, request: Request) -> Reply:
        """GET /api/auth/user."""
        if not self.account.knows_user:
            raise Refused(404, "UNKNOWN", "Not found")
        self.require(request)
        body: dict[str, Any] = {
            "role": self.account.role,
            "role_name": self.account.role_name,
            "password_verified": True,
            "password_force_reset": self.account.force_reset,
        }
        if self.account.capabilities is not None:
            body["capabilities"] = self.account.capabilities
        return Reply(200, body)

    def require(self, request: Request) -> None:
        """Refuse a request without a living access token."""
        if self._access.get(request.bearer, 0) < time.monotonic():
            raise Refused(401, "UNAUTHORIZED", "Unauthorized")

    def require_settings(self, request: Request) -> None:
        """Refuse a request of an account without rights over system settings."""
        self.require(request)
        named = self.account.capabilities
        if FULL_ACCESS not in named if named is not None else self.account.role != "SystemAdmin":
            raise Refused(403, "UNKNOWN", "Forbidden")

    def _require_form(self, name: str) -> None:
        if name not in self.forms:
            raise Refused(self.missing_form_status, "UNKNOWN", "Not found")

    def _sign_in(self, request: Request, bad: int) -> Reply:
        user, password = request.body.get("username"), request.body.get("password")
        if not user or not password:
            raise Refused(400, "VALIDATE_FAILED", "username and password are required")
        if (user, password) != (self.account.username, self.account.password) or "domain" in request.body:
            self._count_bad(request.address)
            status = self.bad_password_status or bad
            raise Refused(status, "UNAUTHORIZED", "Login failed, authentication error")
        if self.account.two_factor:
            return Reply(200, {"two_factor_enabled": True, "token": self._issue()})
        return self._open()

    def _count_bad(self, address: str) -> None:
        with self._lock:
            self.bad_sign_ins[address] += 1
            if self.bad_sign_ins[address] % self.lock_after == 0:
                self._block(address)

    def _renew(self, request: Request) -> Reply:
        with self._lock:
            access = self._refresh.pop(str(request.body.get("refresh_token")), None)
            if access is not None:
                self._access.pop(access, None)
        if access is None:
            raise Refused(401, "UNAUTHORIZED", "Invalid refresh token")
        return self._open()

    def _open(self) -> Reply:
        access, refresh = self._issue(), self._issue()
        with self._lock:
            self._access[access] = time.monotonic() + self.token_life
            self._refresh[refresh] = access
        body = {"token_type": "Bearer", "access_token": access}
        if self.give_refresh:
            body["refresh_token"] = refresh
        return Reply(200, {**body, "expires_in": self.token_life} if self.tell_expiry else body)

    def _issue(self) -> str:
        token = secrets.token_urlsafe(24)
        self.issued.append(token)
        return token
