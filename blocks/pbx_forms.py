"""The two documented ways to sign in to a PBX, as data: where to send what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

OAUTH_CLIENT = "9d806019-75b2-4b3d-bb8b-f5a3a412cc0a"
"""The client id of the OAuth form: a public constant of every PortSIP PBX."""


@dataclass(frozen=True)
class Form:
    """One way to sign in: where to send what."""

    sign_in: str
    refresh: str
    sign_out: str
    oauth: bool = False

    def credentials(self, user: str, password: SecretStr) -> dict[str, Any]:
        """The body of a sign-in, as httpx takes it."""
        fields = {"username": user, "password": password.get_secret_value()}
        if not self.oauth:
            return {"json": fields}  # without `domain`: that is what makes it a system administrator
        return {"data": {"grant_type": "password", **fields, "scope": "all", "client_id": OAUTH_CLIENT}}

    def renewal(self, refresh_token: SecretStr) -> dict[str, Any]:
        """The body of a refresh, as httpx takes it."""
        fields = {"refresh_token": refresh_token.get_secret_value()}
        if not self.oauth:
            return {"json": fields}
        return {"data": {"grant_type": "refresh_token", **fields, "client_id": OAUTH_CLIENT}}


JSON = Form("/api/auth/sign_in", "/api/auth/refresh_token", "/api/auth/sign_out")
OAUTH = Form("/api/login/oauth/token", "/api/login/oauth/token", "/api/login/oauth/revoke", oauth=True)
FORMS = {"auto": (JSON, OAUTH), "json": (JSON,), "oauth": (OAUTH,)}
