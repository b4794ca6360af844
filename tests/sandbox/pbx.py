"""A PBX to try on: the REST API that the vendor documents, over TLS on loopback, with faults as words."""

from __future__ import annotations

import secrets
import ssl
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.sandbox.pbx_accounts import Account, Accounts
from tests.sandbox.pbx_certificate import make_certificate
from tests.sandbox.pbx_dataflow import DataFlow
from tests.sandbox.pbx_faults import Faults
from tests.sandbox.pbx_rules import Rules
from tests.sandbox.pbx_server import PbxServer
from tests.sandbox.pbx_wire import Logged, Refused, Reply, Request, error_reply

Route = Callable[[Request], Reply]


class Pbx(Faults):
    """The PBX stand-in; every setting is an attribute that a test may change while it runs.

    `with Pbx() as pbx:` gives `pbx.url`, `port`, `fingerprint`, `certificate`, `username`, `password`; parts
    are `pbx.accounts`, `pbx.account`, `pbx.ip` (the IP list) and `pbx.data_flow`.
    """

    def __init__(
        self,
        *,
        username: str = "admin",
        password: str = "",
        forms: tuple[str, ...] = ("json", "oauth"),
        version: str = "22.8.0",
        private_ipv4: str = "192.168.1.20",
        public_ipv4: str = "",
        names: tuple[str, ...] = ("localhost", "127.0.0.1"),
        token_life: float = 1800,
        lock_after: int = 5,
        lock_seconds: float = 3600,
        peers: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.account = Account(username, password or "pbx-" + secrets.token_urlsafe(12))
        self.ip = Rules()
        self.accounts = Accounts(self.account, forms, token_life, lock_after, self._lock_out)
        self.data_flow = DataFlow(self.ip.allows)
        self.version, self.private_ipv4, self.public_ipv4 = version, private_ipv4, public_ipv4
        self.names, self.lock_seconds = names, lock_seconds
        self.peers = peers or {}  # loopback addresses and what the PBX takes them for
        self.data_flow_api = True
        self.blacklisted_get = "drop"  # or "silence"
        self.throttle = ""  # "429", "403" or "drop", for addresses that no ACCEPT entry contains
        self.throttle_limit, self.throttle_window, self.retry_after = 10_000, 60.0, ""
        self.requests: list[Logged] = []
        self._recent: deque[float] = deque()
        self._count_lock = threading.Lock()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.rotate_certificate()
        self._routes = self._table()

    def __enter__(self) -> Self:
        self._server = PbxServer(self._answer, self._admit, self._context)
        self.port: int = self._server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    username = property(lambda self: self.account.username)
    password = property(lambda self: self.account.password)
    rules = property(lambda self: self.ip.rules)
    token = property(lambda self: self.data_flow.token)

    @property
    def bad_sign_ins(self) -> int:
        """How many sign-ins were refused, from all addresses."""
        return sum(self.accounts.bad_sign_ins.values())

    @property
    def secrets(self) -> list[str]:
        """Everything that must never be seen outside: the password and every token there ever was."""
        return [self.account.password, *self.accounts.issued, *self.data_flow.generated]

    def asked(self, method: str, path: str) -> int:
        """How often this was asked."""
        return sum(1 for entry in self.requests if (entry.method, entry.path) == (method, path))

    def rotate_certificate(self) -> None:
        """Present a new certificate from the next connection on."""
        made = make_certificate(self.names)
        self.certificate, self.fingerprint = made.pem, made.fingerprint
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "chain.pem"
            chain.touch(mode=0o600)
            chain.write_text(made.key + made.pem)
            self._context.load_cert_chain(chain)

    def _table(self) -> dict[tuple[str, str], tuple[Route, bool]]:
        """Method and path to what answers, and whether rights over system settings are asked first."""
        accounts, ip, flow = self.accounts, self.ip, self.data_flow
        return {
            ("POST", "/api/auth/sign_in"): (accounts.sign_in_json, False),
            ("POST", "/api/auth/refresh_token"): (accounts.refresh_json, False),
            ("POST", "/api/auth/sign_out"): (accounts.sign_out, False),
            ("GET", "/api/auth/user"): (accounts.user, False),
            ("POST", "/api/login/oauth/token"): (accounts.oauth_token, False),
            ("POST", "/api/login/oauth/revoke"): (accounts.sign_out, False),
            ("GET", "/api/admin/status"): (self._status, True),
            ("GET", "/api/network"): (self._network, True),
            ("GET", "/api/ip_filters"): (ip.list, True),
            ("POST", "/api/ip_filters"): (ip.create, True),
            ("GET", "/api/dataflow"): (flow.get_row, True),
            ("GET", "/api/dataflow/token"): (flow.get_token, True),
            ("POST", "/api/dataflow/token"): (flow.post_token, True),
            ("POST", "/api/dataflow/token/destroy"): (flow.destroy_token, True),
            ("GET", "/api/dataflow/status"): (flow.get_status, True),
            ("POST", "/api/dataflow/register"): (flow.register, False),
        }

    def _status(self, _: Request) -> Reply:
        return Reply(200, {"version": self.version, "license_type": "TRIAL", "current_calls": 0})

    def _network(self, _: Request) -> Reply:
        told: dict[str, Any] = {"private_ipv4": self.private_ipv4, "public_ipv4": self.public_ipv4 or None}
        return Reply(200, {**told, "private_ipv6": None, "public_ipv6": None, "web_domain": "pbx.example"})

    def _lock_out(self, address: str) -> None:
        self.ip.block(address, self.lock_seconds)

    def _admit(self, peer: str) -> str:
        blocked = self.ip.blocks(self.peers.get(peer, peer))
        return self.blacklisted_get if blocked else "welcome"

    def _answer(self, request: Request) -> Reply | None:
        peer = self.peers.get(request.address, request.address)
        request = Request(**{**vars(request), "address": peer})
        reply = self._with_faults(request)
        self.requests.append(Logged(request.method, request.path, reply.status if reply else 0))
        return reply

    def _with_faults(self, request: Request) -> Reply | None:
        fault = self.take_fault(request.method, request.path)
        match fault.kind if fault else "":
            case "answer" if fault:
                return fault.reply
            case "drop":
                return None
            case "slow" if fault:
                self._server.stopping.wait(fault.seconds)
        if self._throttled(request.address):
            return None if self.throttle == "drop" else self._throttle_reply()
        reply = self._routed(request)
        return None if fault and fault.kind == "lose" else reply

    def _routed(self, request: Request) -> Reply:
        try:
            if request.method == "GET" and request.path.startswith("/api/ip_filters/"):
                self.accounts.require_settings(request)
                return self.ip.read(request.path.rpartition("/")[2])
            route = self._routes.get((request.method, request.path))
            if route is None or self._too_new(request.path):
                raise Refused(404, "UNKNOWN", "Not found")
            answer, needs_rights = route
            if needs_rights:
                self.accounts.require_settings(request)
            return answer(request)
        except Refused as refusal:
            return refusal.reply

    def _too_new(self, path: str) -> bool:
        if path == "/api/dataflow/status" and tuple(map(int, self.version.split(".")[:2])) < (22, 8):
            return True
        return path.startswith("/api/dataflow") and not path.endswith("/register") and not self.data_flow_api

    def _throttled(self, address: str) -> bool:
        if not self.throttle or self.ip.allows(address):
            return False
        with self._count_lock:
            now = time.monotonic()
            while self._recent and self._recent[0] < now - self.throttle_window:
                self._recent.popleft()
            self._recent.append(now)
            return len(self._recent) > self.throttle_limit

    def _throttle_reply(self) -> Reply:
        reply = error_reply(int(self.throttle), "UNKNOWN", "Too many requests")
        return Reply(reply.status, reply.body, {"Retry-After": self.retry_after} if self.retry_after else {})
