"""What we ask of a PBX and change on it, over one signed-in session."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, NoReturn

import httpx

from blocks.errors import APIError, Unreachable
from blocks.pbx_rules import IpRule, is_as_asked, new_rule, read_pages, read_rule
from blocks.pbx_sign_in import Session
from blocks.pbx_wire import CHANGE, LOOK, ONCE, Again, Wire, seconds_asked

BY_HAND = (
    "Generate it by hand: Web Portal > Servers > Data Flow > the default server > Generate Token (guide, "
    "Step 3), and choose 'by hand' for the token in the block."
)


@dataclass(frozen=True)
class Network:
    """The addresses that the PBX has for itself, "" where it tells none; in HA the private one is virtual."""

    private_ipv4: str
    public_ipv4: str
    web_domain: str


class Reply(NamedTuple):
    """What came back for one GET, whatever its status; `body` is `None` where it is no JSON, `wait` in seconds."""

    status: int
    body: Any
    wait: float | None


@dataclass(frozen=True)
class DataFlowApi:
    """Where and how this PBX speaks of its Data Flow server: not documented, hence settings of the block."""

    token_path: str
    server_path: str
    status_path: str
    token_key: str
    address_keys: tuple[str, ...]
    by_hand: bool


class PbxClient:
    """The REST API of a PBX, signed in."""

    def __init__(self, wire: Wire, session: Session, data_flow: DataFlowApi) -> None:
        self._wire, self._session, self._data_flow = wire, session, data_flow

    @property
    def where(self) -> str:
        """The PBX's name in messages."""
        return self._wire.where

    @property
    def local_address(self) -> str | None:
        """Our own address as the connection to the PBX had it."""
        return self._wire.local_address

    @property
    def sign_in_path(self) -> str:
        """Where the sign-in that worked was sent."""
        return self._session.form.sign_in

    @property
    def token_life(self) -> float | None:
        """Seconds that the access token lives; `None` where the PBX names no end."""
        return self._session.life

    def reply(self, path: str, **query: str | int) -> Reply:
        """What a GET is answered, asked once: an unknown path may answer anything, and costs no second sign-in."""
        response = self._wire.send("GET", path, again=ONCE, bearer=self._session.bearer(), params=query)
        try:
            body = response.json()
        except ValueError:
            body = None
        return Reply(response.status_code, body, seconds_asked(response.headers.get("retry-after")))

    def get(self, path: str, **query: str | int) -> Any:
        """Read any path of the REST API and return its JSON."""
        return self._json(self._send("GET", path, LOOK, params=query))

    def version(self) -> str:
        """The PBX's version, such as `22.8.0`."""
        path = "/api/admin/status"
        body = self.get(path)
        version = body.get("version") if isinstance(body, dict) else None
        if not isinstance(version, str) or not version:
            self._unknown("GET", path, body, "Is this the REST API of a PortSIP PBX?")
        return version

    def network(self) -> Network:
        """The PBX's own addresses."""
        path = "/api/network"
        body = self.get(path)
        if not isinstance(body, dict):
            self._unknown("GET", path, body, "Is this the REST API of a PortSIP PBX?")
        told = (str(body.get(key) or "") for key in ("private_ipv4", "public_ipv4", "web_domain"))
        return Network(*told)

    def ip_rules(self) -> list[IpRule]:
        """Every entry of the IP list, allowed and blocked alike."""
        path = "/api/ip_filters"

        def page(skip: int, top: int) -> Any:
            return self.get(path, skip=skip, top=top, count="true")

        return [read_rule(item, self.where) for item in read_pages(page, self.where, f"GET {path}")]

    def add_ip_rule(self, network: str, expires: datetime, description: str) -> str:
        """Allow a network until `expires` by an entry of its own, and return the entry's id.

        An entry that exists already is neither changed nor deleted: there is no call for that here.
        """
        wanted = new_rule(network, expires, description)
        try:
            body = self._json(self._send("POST", "/api/ip_filters", CHANGE, json=wanted))
            made = body.get("id") if isinstance(body, dict) else None
            if made:
                return str(made)
        except Unreachable:
            # The answer is lost, the entry perhaps not: look, and never send it a second time.
            found = self._find(wanted)
            if found is None:
                raise
            return found
        found = self._find(wanted)
        if found is None:
            self._unknown("POST", "/api/ip_filters", body, "Look at the IP list in the Web Portal.")
        return found

    def token_state(self) -> Literal["present", "absent"]:
        """Whether a Data Flow token exists; anything but a clear answer is an `APIError`."""
        return self.token_seen()[0]

    def token_seen(self) -> tuple[Literal["present", "absent"], str]:
        """Whether a Data Flow token exists, and its fingerprint ("" where the PBX shows none), in one question.

        Anything but a clear answer is an `APIError`; in the mode "by hand" a PBX that cannot be asked is trusted to
        have one.
        """
        try:
            token = self._token("GET", LOOK)
        except APIError:
            if self._data_flow.by_hand:
                return "present", ""
            raise
        return ("present", _fingerprint(token)) if token else ("absent", "")

    def generate_token(self) -> str:
        """Make a new Data Flow token (an existing one stops working) and return a fingerprint of it.

        The token itself stays on the PBX. After a broken connection look with `token_state` first.
        """
        if self._data_flow.by_hand:
            answer = "the block says that the token is generated by hand"
            raise APIError(self.where, "to generate a token", answer, BY_HAND)
        token = self._token("POST", CHANGE)
        if not token:
            self._unknown("POST", self._data_flow.token_path, {self._data_flow.token_key: ""}, BY_HAND)
        return _fingerprint(token)

    def server_row(self) -> tuple[str, ...] | None:
        """The addresses with which a Data Flow server is registered; `None` where the PBX does not tell."""
        body = self._ask_if_known(self._data_flow.server_path)
        rows = body.get("items", [body]) if isinstance(body, dict) else body
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return None
        keys = self._data_flow.address_keys
        told = [row[key] for row in rows for key in keys if key in row]
        return tuple(str(address) for address in told if address) if told else None

    def status(self) -> dict[str, Any] | None:
        """What PBX 22.8 and later say of the Data Flow server; `None` on older ones."""
        body = self._ask_if_known(self._data_flow.status_path)
        return body if isinstance(body, dict) else None

    def _find(self, wanted: dict[str, str]) -> str | None:
        return next((rule.id for rule in self.ip_rules() if is_as_asked(rule, wanted)), None)

    def _token(self, method: str, again: Again) -> str:
        """The token ("" when there is none), for the eyes of this class only."""
        path, key = self._data_flow.token_path, self._data_flow.token_key
        response = self._send(method, path, again, refused_hint=BY_HAND)
        body = self._json(response)
        if not isinstance(body, dict) or key not in body or not isinstance(body[key], str | None):
            self._unknown(method, path, body, BY_HAND)
        return body[key] or ""

    def _ask_if_known(self, path: str) -> Any:
        try:
            return self.get(path)
        except APIError as exc:
            if exc.status in (404, 405):
                return None
            raise

    def _send(self, method: str, path: str, again: Again, *, refused_hint: str = "", **body: Any) -> httpx.Response:
        response = self._wire.send(method, path, again=again, bearer=self._session.bearer(), **body)
        if response.status_code == 401:
            # The token ended before its time (a restart, another sign-in); a refused call changed nothing.
            self._session.renew()
            response = self._wire.send(method, path, again=again, bearer=self._session.bearer(), **body)
        if response.is_success:
            return response
        error = self._wire.error(response)
        if refused_hint and isinstance(error, APIError):
            error = APIError(error.where, error.tried, error.answer, refused_hint, error.status)
        raise error

    def _json(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            kind = response.headers.get("content-type", "no content type")
            tried = f"{response.request.method} {response.request.url.path}"
            hint = "Is this the port of the PBX's REST API, and not of another web server?"
            raise APIError(self.where, tried, f"no JSON but {kind}", hint, response.status_code) from None

    def _unknown(self, method: str, path: str, body: Any, hint: str) -> NoReturn:
        """A reply that we cannot read, told by its keys only: its values may be secret."""
        keys = ", ".join(sorted(map(str, body))) if isinstance(body, dict) else type(body).__name__
        raise APIError(self.where, f"{method} {path}", f"a reply in an unknown form ({keys})", hint, 200)


def _fingerprint(token: str) -> str:
    """Enough of a hash to tell two tokens apart, and too little to be of any use."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]
