"""A first contact with the PBX: one sign-in, then GETs, each asked once; of replies only their shape is kept."""

from __future__ import annotations

from typing import Any

from prefect import task

from blocks.pbx import PbxApi, PbxClient
from blocks.pbx_client import Reply as Answer
from blocks.pbx_rights import require_rights, settings_rights
from flows.core.change import Told
from flows.core.contact.clean import clean, readable
from flows.core.contact.seen import PbxSeen, Reply
from flows.core.contact.shape import shape
from flows.errors import AccessDenied, DataFlowError
from flows.tasks.contact_door import Met, through

ACCOUNT, NETWORK, STATUS = "/api/auth/user", "/api/network", "/api/admin/status"
OTHERS = (
    "/api/license",
    "/api/info",
    "/api/im",
    "/api/im/token",
    "/api/im/status",
    "/api/sbc",
    "/api/media_servers",
)
"""Documented twins of Data Flow's endpoints, and what else tells of versions and addresses."""
RULES = "/api/ip_filters"
PAGE: dict[str, str | int] = {"skip": 0, "top": 100, "count": "true"}


@task(name="meet-pbx", task_run_name="meet-pbx", persist_result=False)
def meet_pbx(pbx_api: PbxApi) -> Told[Met[PbxSeen]]:
    """Ask the PBX everything that a GET may be asked; a PBX that does not open is a door with its reason."""

    def look() -> tuple[PbxSeen, list[str]]:
        with pbx_api.get_client(any_rights=True) as pbx:
            asked = [f"POST {pbx.sign_in_path} (once)"]
            return _look(pbx_api, pbx, asked), [*asked, "and a sign-out"]

    return through("PBX", pbx_api, look, lambda seen: f"PBX {seen.version or 'of unknown version'}")


def _look(pbx_api: PbxApi, pbx: PbxClient, asked: list[str]) -> PbxSeen:
    own = (pbx_api.server_path, pbx_api.token_path, pbx_api.status_path)
    bodies: dict[str, Any] = {}
    replies, waits = [], []
    for path in dict.fromkeys((ACCOUNT, STATUS, NETWORK, RULES, *own, *OTHERS)):
        asked.append(f"GET {path}")
        try:
            answer = pbx.reply(path, **(PAGE if path == RULES else {}))
        except DataFlowError as error:
            replies.append(Reply(path, 0, trouble=readable(error.answer)))
            continue
        if answer.status == 200:
            bodies[path] = answer.body
        waits += _throttled(path, answer)
        replies.append(_reply(path, answer))
    account, network = _map(bodies.get(ACCOUNT)), _map(bodies.get(NETWORK))
    return PbxSeen(
        sign_in=pbx.sign_in_path,
        token_life=pbx.token_life,
        verification=pbx_api.verification,
        certificate_end=pbx_api.certificate_end(),
        version=_word(_map(bodies.get(STATUS)).get("version")),
        role=_word(account.get("role")),
        rights=tuple(settings_rights(account.get("capabilities"))),
        enough_rights=_enough(pbx_api, account) if account else None,
        replies=tuple(replies),
        private_address=_word(network.get("private_ipv4")),
        web_domain=bool(network["web_domain"]) if "web_domain" in network else None,
        waits=tuple(waits),
    )


def _reply(path: str, answer: Answer) -> Reply:
    if answer.body is None:
        return Reply(path, answer.status, trouble="no JSON")
    return Reply(path, answer.status, shape(answer.body))


def _throttled(path: str, answer: Answer) -> list[str]:
    if answer.status != 429:
        return []
    wait = "no Retry-After" if answer.wait is None else f"Retry-After {answer.wait:g} s"
    return [f"GET {path}: HTTP 429, {wait}"]


def _map(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


def _word(value: Any) -> str:
    """A version, role or address, if it is as short as such a thing is."""
    return clean(value) if isinstance(value, str) and len(value) <= 40 and value.isprintable() else ""


def _enough(pbx_api: PbxApi, account: dict[str, Any]) -> bool:
    try:
        require_rights(pbx_api.where, pbx_api.user, account)
    except AccessDenied:
        return False
    return True
