"""The unknowns about the PBX: its REST API, its limits, its certificate."""

from __future__ import annotations

import re

from flows.core.contact.answer import Answer, answered, still_open
from flows.core.contact.seen import Reply, Seen
from flows.core.words import duration

TOKEN, SERVER, STATUS, RULES = "/api/dataflow/token", "/api/dataflow", "/api/dataflow/status", "/api/ip_filters"
SHUT = "the PBX did not open"
_FORMS = {"/api/auth/sign_in": "A (JSON)", "/api/login/oauth/token": "B (OAuth)"}


def token_endpoints(seen: Seen) -> Answer:
    """1: where token and server row are, and under which keys."""
    if seen.pbx is None:
        return still_open(SHUT)
    replies = [reply for path in (TOKEN, SERVER) if (reply := seen.pbx.reply(path))]
    said = "; ".join(_told(reply) for reply in replies)
    if not any(reply.status == 200 for reply in replies):
        return still_open(said or "not asked")
    return answered(said, "POST, which generates a token, is not tried")


def status_reply(seen: Seen) -> Answer:
    """2: what the status endpoint replies."""
    reply = seen.pbx.reply(STATUS) if seen.pbx else None
    if seen.pbx is None or reply is None or reply.status == 0:
        return still_open(reply.trouble if reply else SHUT)
    return answered(f"PBX {seen.pbx.version or 'of unknown version'}: {_told(reply)}")


def sign_in(seen: Seen) -> Answer:
    """3: the sign-in form, the second factor, a token's life."""
    if seen.pbx is None:
        door = next((door for door in seen.doors if door.name == "PBX"), None)
        return still_open(door.trouble if door else SHUT)
    life = f", a token lives {duration(seen.pbx.token_life)}" if seen.pbx.token_life else ", a token names no end"
    form = _FORMS.get(seen.pbx.sign_in, seen.pbx.sign_in)
    return answered(f"form {form} without second factor{life}", "how a wrong password is refused: none was sent")


def rate_limit(seen: Seen) -> Answer:
    """4: how throttling looks."""
    if seen.pbx and seen.pbx.waits:
        return answered("; ".join(seen.pbx.waits), "the limit itself")
    return still_open("nothing was throttled, and nobody provokes it")


def blacklisted(seen: Seen) -> Answer:
    """5: how a blocked client finds the PBX."""
    return still_open("our address was not blocked" if seen.pbx else SHUT)


def rules(seen: Seen) -> Answer:
    """6: the form of an entry of the IP list."""
    reply = seen.pbx.reply(RULES) if seen.pbx else None
    if reply is None or reply.status != 200:
        return still_open(_told(reply) if reply else SHUT)
    if "cidr" not in reply.shape:
        return still_open(f"the list shows no entry: {reply.shape}")
    said = "; ".join(re.findall(r"\b(?:cidr|target|expire_at)\??: [^,}]+", reply.shape))
    return answered(f"an entry has {said}", "the latest end, and whether doubles are taken")


def trust(seen: Seen) -> Answer:
    """15: whose certificate the portal shows, and under which name."""
    if seen.pbx is None:
        return still_open(SHUT)
    name = {True: "it has a web domain", False: "it has no web domain", None: "its web domain is not known"}
    return answered(f"accepted by {seen.pbx.verification}; {name[seen.pbx.web_domain]}")


def _told(reply: Reply) -> str:
    if reply.status == 200:
        return f"GET {reply.path} gives {reply.shape}"
    return f"GET {reply.path}: {f'HTTP {reply.status}' if reply.status else reply.trouble}"
