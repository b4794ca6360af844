"""The Data Flow server as the PBX stand-in sees it: its token, its row of addresses, its status."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Any

from tests.sandbox.pbx_wire import Refused, Reply, Request

ADDRESSES = ("private_ipv4", "private_ipv6", "public_ipv4", "public_ipv6")


class DataFlow:
    """`/api/dataflow…`; `allows` says whether the IP list lets an address through."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self.token = ""
        self.empty_token: str | None = ""
        self.generated: list[str] = []
        self.register_needs_whitelist = True
        self.forgets_registrations = False  # a registration is answered with yes, and then nobody knows of it
        self.row: dict[str, str | None] = dict.fromkeys(ADDRESSES)
        self._allows = allows

    def generate(self) -> str:
        """A new token, as the portal's button makes it: whoever is registered has to register again."""
        # The vendor's screenshot shows "2." and then capital letters and digits.
        self.token = "2." + base64.b32encode(secrets.token_bytes(30)).decode()
        self.generated.append(self.token)
        self.row = dict.fromkeys(ADDRESSES)
        return self.token

    def forget_registrations(self) -> None:
        """Show no server from now on, whoever registers."""
        self.forgets_registrations, self.row = True, dict.fromkeys(ADDRESSES)

    def get_token(self, _: Request) -> Reply:
        """GET the token; an empty one when there is none."""
        return Reply(200, {"token": self.token or self.empty_token})

    def post_token(self, _: Request) -> Reply:
        """POST: generate a new one."""
        return Reply(200, {"token": self.generate()})

    def destroy_token(self, _: Request) -> Reply:
        """POST …/destroy: the portal's Delete Token."""
        self.token, self.row = "", dict.fromkeys(ADDRESSES)
        return Reply(204)

    def get_row(self, _: Request) -> Reply:
        """GET the addresses of the registered server, null where there is none."""
        return Reply(200, {"name": "__DEFAULT__", **self.row})

    def get_status(self, _: Request) -> Reply:
        """GET the status (PBX 22.8 and later)."""
        return Reply(200, {"status": "ONLINE" if any(self.row.values()) else "OFFLINE"})

    def register(self, request: Request) -> Reply:
        """POST of the sandbox's Data Flow container: `token` and its addresses; not an API of the product."""
        body: dict[str, Any] = request.body
        if not self.token or body.get("token") != self.token:
            raise Refused(401, "UNAUTHORIZED", "Invalid Data Flow token")
        told = {key: str(body[key]) for key in ADDRESSES if body.get(key)}
        if self.register_needs_whitelist and not (told and all(map(self._allows, told.values()))):
            raise Refused(403, "UNKNOWN", "Data Flow server is not whitelisted")
        if not self.forgets_registrations:
            self.row = {**dict.fromkeys(ADDRESSES), **told}
        return Reply(200, {})
