"""Entries of the PBX's IP list (`/api/ip_filters`): read and made; nothing here changes or deletes one."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from blocks.errors import APIError

PAGE = 100
"""The most entries that the PBX gives in one reply."""

MOST_PAGES = 200
"""Beyond this many pages a listing is taken for endless."""


@dataclass(frozen=True)
class IpRule:
    """One entry: network as the PBX stores it, `ACCEPT` or `DENY`, its end (`None`: never), description."""

    id: str
    cidr: str
    target: str
    expire_at: datetime | None
    description: str = ""


def read_time(text: object) -> datetime | None:
    """A time of the PBX (`…Z`, `…+08:00`, or UTC where no zone is told); `None` for null or empty."""
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ValueError(f"not a time: {text!r}")
    time = datetime.fromisoformat(text.strip().upper())
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def read_rule(item: dict[str, Any], where: str) -> IpRule:
    """One item of the list; raises `APIError` when a field that decides about access cannot be read."""
    try:
        end = read_time(item.get("expire_at"))
        return IpRule(
            id=str(item["id"]),
            cidr=str(item["cidr"]),
            target=str(item["target"]).upper(),
            expire_at=end,
            description=str(item.get("description") or ""),
        )
    except (KeyError, ValueError) as exc:
        name = str(item.get("id", "without id"))
        hint = "Look at this entry in the Web Portal > Blacklist and Codes > IP Blacklist."
        answer = f"{type(exc).__name__}: {exc}"
        raise APIError(where, f"to read the IP list entry {name}", answer, hint) from exc


def new_rule(network: str, expires: datetime, description: str) -> dict[str, str]:
    """The body that creates an ACCEPT entry; a single address becomes a network of one."""
    if expires.tzinfo is None:
        raise ValueError("the end of an IP list entry needs a time zone")
    return {
        "cidr": str(ipaddress.ip_network(network, strict=False)),
        "target": "ACCEPT",
        "expire_at": expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "description": description[:255],
    }


def is_as_asked(rule: IpRule, wanted: dict[str, str]) -> bool:
    """Whether an entry is the one that `wanted` (of `new_rule`) asked for, however the PBX spells it."""
    try:
        same = ipaddress.ip_network(rule.cidr, strict=False) == ipaddress.ip_network(wanted["cidr"])
    except ValueError:
        return False
    return (
        same
        and rule.target == "ACCEPT"
        and rule.expire_at == read_time(wanted["expire_at"])
        and rule.description == wanted["description"]
    )


def read_pages(get: Callable[[int, int], Any], where: str, tried: str) -> list[dict[str, Any]]:
    """All items of a paged list; `get(skip, top)` fetches one page.

    The vendor's prose and schema disagree on where `skip` starts, so items are told apart by their id, and
    the list is complete only when as many were seen as the PBX counts.
    """
    seen: dict[str, dict[str, Any]] = {}
    fetched = 0
    for _ in range(MOST_PAGES):
        items, count = _page(get(fetched, PAGE), where, tried)
        fetched += len(items)
        before = len(seen)
        seen.update((str(item.get("id")), item) for item in items)
        if count is not None and len(seen) >= count:
            return list(seen.values())
        if len(seen) == before:
            break
    if count is not None:
        answer = f"{len(seen)} different entries where the PBX counts {count}"
        hint = "The list changed meanwhile, or its paging is broken; run it again."
        raise APIError(where, tried, answer, hint)
    return list(seen.values())


def _page(body: Any, where: str, tried: str) -> tuple[list[dict[str, Any]], int | None]:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        hint = "Is this the REST API of a PortSIP PBX?"
        raise APIError(where, tried, "a reply without a list of items", hint)
    count = body.get("count")
    return items, count if isinstance(count, int) else None
