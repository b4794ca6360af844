"""The PBX's REST API: settings with secrets, and one door to it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import httpx
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from blocks.errors import AccessDenied
from blocks.mask import no_mask
from blocks.pbx_client import DataFlowApi, Network, PbxClient
from blocks.pbx_errors import translated
from blocks.pbx_rights import require_rights
from blocks.pbx_rules import IpRule
from blocks.pbx_sign_in import Session
from blocks.pbx_wire import Wire
from blocks.tls import (
    authority_context,
    pinned_context,
    plain_fingerprint,
    presented_end,
    presented_fingerprint,
    system_context,
)

__all__ = ["IpRule", "Network", "PbxApi", "PbxClient"]


class PbxApi(Block):
    """Sign-in to the REST API of a PortSIP PBX as a System Administrator.

    Example:
        Load saved settings and ask the PBX for its version:
        ```python
        from blocks.pbx import PbxApi

        pbx_api = PbxApi.load("BLOCK_NAME")
        with pbx_api.get_client() as pbx:
            print(pbx.version())
        ```
    """

    _block_type_name = "PBX API"
    _block_type_slug = "pbx-api"
    _logo_url = "https://raw.githubusercontent.com/PrefectHQ/prefect/main/docs/logos/prefect-logo-mark-gradient.png"  # type: ignore[assignment]
    _documentation_url = "https://www.portsip.com/docs/"  # type: ignore[assignment]
    # A validation error must not repeat what was entered: the password would be in it.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    _no_mask = no_mask

    host: str = Field(
        title="Address",
        description="Name or IP address of the PBX, without https://; of an HA cluster the virtual IP.",
    )
    port: int = Field(
        default=8887, ge=1, le=65535, title="Port", description="HTTPS port of the Web Portal, usually 8887."
    )
    user: str = Field(
        default="admin",
        title="User name",
        description="A system administrator without second factor, best an account just for automation.",
    )
    password: SecretStr = Field(
        title="Password",
        description="Password of that account; once rejected, it is not sent again until changed here.",
    )
    verification: Literal["system CA", "own CA", "fingerprint"] = Field(
        default="system CA",
        title="Certificate check",
        description="How the PBX proves who it is: a public certificate (system CA), one of your own CA, or "
        "the fingerprint of its certificate: the way for the self-signed one that a PBX comes with.",
    )
    authority: str = Field(
        default="",
        title="Own CA",
        description="Certificate of your own CA as PEM text; used when the certificate check is 'own CA'.",
    )
    fingerprint: str = Field(
        default="",
        title="Fingerprint (SHA-256)",
        description="Pinned certificate, with or without colons; used when the check is 'fingerprint'. "
        "Left empty, the refusal shows the one that the PBX presents.",
    )
    sign_in_form: Literal["auto", "json", "oauth"] = Field(
        default="auto",
        title="Sign-in form",
        description="auto tries the form of PBX 22.2 and later (json), and the older one (oauth) only where "
        "the PBX does not know it.",
    )
    token_mode: Literal["api", "by hand"] = Field(
        default="api",
        title="Data Flow token",
        description="api reads it and generates a missing one; by hand trusts that you did Step 3.",
    )
    token_path: str = Field(
        default="/api/dataflow/token",
        pattern="^/",
        title="Path of the token",
        description="Where the token is read (GET) and generated (POST); not documented by the vendor.",
    )
    server_path: str = Field(
        default="/api/dataflow",
        pattern="^/",
        title="Path of the server row",
        description="Where the PBX shows the addresses of the registered Data Flow server; not documented.",
    )
    status_path: str = Field(
        default="/api/dataflow/status",
        pattern="^/",
        title="Path of the server status",
        description="Where PBX 22.8 and later show the state of the Data Flow server.",
    )
    token_key: str = Field(
        default="token",
        min_length=1,
        title="Key of the token",
        description="Key of the token in the PBX's reply.",
    )
    address_keys: list[str] = Field(
        default=["private_ipv4", "public_ipv4", "private_ipv6", "public_ipv6"],
        title="Keys of the addresses",
        description="Keys of the server's addresses in the PBX's reply.",
    )
    connect_timeout: float = Field(
        default=10,
        gt=0,
        le=120,
        title="Connect time-out (s)",
        description="Seconds to wait for a connection, up to 120.",
    )
    reply_timeout: float = Field(
        default=30,
        gt=0,
        le=600,
        title="Reply time-out (s)",
        description="Seconds to wait for a reply, up to 600.",
    )
    tries: int = Field(
        default=4,
        ge=1,
        le=10,
        title="Tries",
        description="How often a read is tried when the PBX throttles or drops it, 1 to 10.",
    )
    first_pause: float = Field(
        default=1,
        ge=0,
        le=30,
        title="First pause (s)",
        description="Seconds before the second try; each further pause is about twice as long, at most 30.",
    )

    _sleep: Callable[[float], None] = PrivateAttr(default=time.sleep)
    _clock: Callable[[], float] = PrivateAttr(default=time.monotonic)

    @field_validator("host")
    @classmethod
    def _only_a_host(cls, value: str) -> str:
        value = value.strip()
        if not value or any(sign in value for sign in "/ @?#\\"):
            raise ValueError("enter only the name or IP address, without https:// and without a path")
        return value

    @field_validator("fingerprint")
    @classmethod
    def _a_fingerprint(cls, value: str) -> str:
        return plain_fingerprint(value) if value.strip() else ""

    @property
    def where(self) -> str:
        """The PBX's name in messages."""
        return f"PBX {self.host}:{self.port}"

    @contextmanager
    def get_client(self, *, any_rights: bool = False) -> Iterator[PbxClient]:
        """Sign in once, yield the client, sign out; with `any_rights` nobody asks what the account may do.

        Raises `Unreachable`, `AccessDenied` (certificate, password, second factor, forced reset, rights) or
        `APIError`.
        """
        limits = httpx.Timeout(self.reply_timeout, connect=self.connect_timeout)
        with translated(self.where, "to make a client"):
            url = httpx.URL(scheme="https", host=self.host.strip("[]"), port=self.port)
            # No proxy and no .netrc of the worker: the PBX must see this machine's own address.
            web = httpx.Client(base_url=url, verify=self._context(), timeout=limits, trust_env=False)
        with web:
            wire = self._wire(web)
            session = Session(wire, self.user, self.password, self.sign_in_form, self._clock)
            try:
                session.sign_in()
                account = None if any_rights else session.account()
                if account is not None:
                    require_rights(self.where, self.user, account)
                yield PbxClient(wire, session, self._data_flow())
            finally:
                session.sign_out()

    def certificate_end(self) -> float | None:
        """When the certificate that the PBX shows ends, seconds since 1970; None when it cannot be had.

        Nothing is sent; that it is the right one is checked where the password is.
        """
        return presented_end(self.host.strip("[]"), self.port, self.connect_timeout)

    def _wire(self, web: httpx.Client) -> Wire:
        presented = partial(presented_fingerprint, self.host.strip("[]"), self.port, self.connect_timeout)
        return Wire(
            web,
            self.where,
            tries=self.tries,
            first_pause=self.first_pause,
            presented=presented,
            sleep=self._sleep,
        )

    def _context(self) -> ssl.SSLContext:
        if self.verification == "fingerprint":
            return pinned_context(self.where, self.fingerprint)
        if self.verification == "system CA":
            return system_context()
        try:
            return authority_context(self.authority)
        except ValueError as exc:
            hint = "Paste the CA's certificate as PEM text (-----BEGIN CERTIFICATE-----…) into the block."
            raise AccessDenied(self.where, "to read the own CA", str(exc), hint) from exc

    def _data_flow(self) -> DataFlowApi:
        return DataFlowApi(
            token_path=self.token_path,
            server_path=self.server_path,
            status_path=self.status_path,
            token_key=self.token_key,
            address_keys=tuple(self.address_keys),
            by_hand=self.token_mode == "by hand",
        )
