"""The shape of replies: enough to program against, and not one value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.core.contact.shape import shape

SECRETS = (
    "2.YWYXNWVIT7Q2XJ4M",
    "d41d8cd98f00b204e9800998ecf8427e",
    "+491701234567",
    "4917012345678",
    "anna.smith@example.org",
    "Anna Smith",
    "CDR-2026",
    "192.168.1.26",
    "2036-01-01T00:00:00Z",
    "hunter2hunter2hunter222",
)
"""Tokens, hashes, phone numbers, names, addresses: what a reply may hold, as a value or, careless, as a key."""

secrets = st.sampled_from(SECRETS)
scalars = secrets | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
names = st.sampled_from(["token", "items", "private_ipv4", "expireAt"]) | secrets
replies = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))


@given(replies)
def test_no_secret_of_a_reply_survives(reply: Any) -> None:
    """Wherever it stands, as a value or as a key."""
    said = shape(reply)
    assert [secret for secret in SECRETS if secret in said] == []


@given(st.text(min_size=4), st.text(min_size=4))
def test_no_value_survives_whatever_it_is(value: str, other: str) -> None:
    """Two different texts of the same kind have the same shape, so it tells nothing of either."""
    if shape(value) == shape(other):
        assert shape({"token": value}) == shape({"token": other})
    assert shape({"token": value}).removeprefix("{token: ") in {
        f"{word}}}"
        for word in ("text", "digits as text", "address", "time in Z", "time with offset", "time without zone")
    } or shape(value).startswith("network/")


def test_a_list_is_told_with_the_keys_that_not_every_item_has() -> None:
    """Ends in both forms and none, a single address with and without a prefix."""
    rules = [
        {"id": "7", "cidr": "192.168.1.26/32", "expire_at": "2036-01-01T00:00:00Z"},
        {"id": "x", "cidr": "192.168.1.27", "expire_at": "2030-12-31T22:21:00+08:00", "description": ""},
        {"id": "y", "cidr": "10.0.0.0/8", "expire_at": None},
    ]
    assert shape({"count": 3, "items": rules}) == (
        "{count: number, items: 3 of {id: digits as text or text, cidr: network/32 or address or network/8, "
        "expire_at: time in Z or time with offset or null, description?: empty text}}"
    )


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"token": "2.YWYX"}, "{token: text}"),
        ({"token": ""}, "{token: empty text}"),
        ({"anna": {"status": "ONLINE"}, "bert": {"status": "OFFLINE"}}, "{<key>: {status: text}}"),
        ({"owner": "anna", "anna": 1}, "{owner: text, <key>: number}"),
        ({f"k{'abc'[n % 3]}{'xyz' * (n // 3)}": n for n in range(61)}, "{<key>: number}"),
        ([], "empty list"),
        ([[1], []], "2 of 0 to 1 of number"),
        ({}, "{}"),
        (None, "null"),
        (True, "true or false"),
    ],
)
def test_a_shape_reads_like_this(reply: Any, said: str) -> None:
    """Maps from data to records show no key; what is a value elsewhere is no name."""
    assert shape(reply) == said
    assert shape(json.loads(json.dumps(reply))) == said
