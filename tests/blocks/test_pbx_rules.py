"""The PBX's IP list: read completely, added to carefully, never changed or deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from blocks.errors import APIError, Unreachable
from blocks.pbx import PbxClient
from blocks.pbx_rules import read_time
from tests.blocks.pbx_support import block_for
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.usefixtures("prefect_server")

LIST = ("GET", "/api/ip_filters")
CREATE = ("POST", "/api/ip_filters")
END = datetime(2036, 1, 1, tzinfo=UTC)


def test_rules_are_read_as_they_are() -> None:
    """Id, network, kind, end and description, for allowed and blocked alike."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        first = pbx.ip.add_rule("192.168.1.26/32", description="Data Flow Service")
        pbx.ip.add_rule("203.0.113.0/24", "DENY", "2030-12-31T22:21:00+08:00")
        allowed, blocked = client.ip_rules()
        assert allowed.id == first
        assert (allowed.cidr, allowed.target) == ("192.168.1.26/32", "ACCEPT")
        assert allowed.description == "Data Flow Service"
        assert blocked.target == "DENY"
        assert blocked.expire_at == datetime(2030, 12, 31, 14, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2036-01-01T00:00:00Z", END),
        ("2036-01-01t00:00:00z", END),
        ("2036-01-01T08:00:00+08:00", END),
        ("2035-12-31T14:30:00-09:30", END),
        ("2036-01-01T00:00:00.0000000Z", END),
        ("2036-01-01T00:00:00", END),
        (None, None),
        ("", None),
    ],
)
def test_times_have_the_right_zone(text: str | None, time: datetime | None) -> None:
    """Z, an offset, fractions, no zone at all (UTC), and no end."""
    assert read_time(text) == time
    read = read_time(text)
    assert read is None or read.tzinfo is not None


@pytest.mark.parametrize("item", [{"expire_at": "soon"}, {"expire_at": 1}, {"cidr": None}, {"target": None}])
def test_entry_that_cannot_be_read_is_an_error(item: dict[str, object]) -> None:
    """An entry that decides about access is not skipped: the error names it."""
    entry = {"id": "77", "cidr": "10.0.0.1/32", "target": "DENY", "expire_at": None, **item}
    kept = {key: value for key, value in entry.items() if value is not None or key == "expire_at"}
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.answer_next(*LIST, {"count": 1, "items": [kept]})
        with pytest.raises(APIError, match="entry 77"):
            client.ip_rules()


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 200, 250])
@pytest.mark.parametrize("paging", ["normal", "one-based"])
def test_every_page_is_read_and_nothing_twice(number: int, paging: str) -> None:
    """Wherever the PBX starts to count, each entry is seen exactly once."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.paging = paging
        ids = [pbx.ip.add_rule(f"10.0.{n // 250}.{n % 250}/32") for n in range(number)]
        assert sorted(rule.id for rule in client.ip_rules()) == sorted(ids)


def test_smaller_pages_than_asked_for_are_followed_to_the_end() -> None:
    """A PBX that gives 10 at a time is asked until its count is reached."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.page_limit = 10
        for n in range(35):
            pbx.ip.add_rule(f"10.0.0.{n}/32")
        assert len(client.ip_rules()) == 35
        assert pbx.asked(*LIST) == 4


def test_list_that_never_moves_on_is_an_error() -> None:
    """The same page again and again does not hang us, and half a list is not taken for all."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.paging = "ignores-skip"
        for n in range(150):
            pbx.ip.add_rule(f"10.0.0.{n}/32")
        with pytest.raises(APIError, match="100 different entries where the PBX counts 150"):
            client.ip_rules()
        assert pbx.asked(*LIST) == 2


def test_endless_list_ends() -> None:
    """New entries on every page for ever are given up."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.paging = "endless"
        with pytest.raises(APIError, match="where the PBX counts 1000000000"):
            client.ip_rules()


def test_list_without_count_is_read_until_nothing_new_comes() -> None:
    """The count is optional in the API."""
    page = [{"id": str(n), "cidr": "10.0.0.1/32", "target": "ACCEPT", "expire_at": None} for n in range(3)]
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.answer_next(*LIST, {"items": page})
        pbx.answer_next(*LIST, {"items": []})
        assert [rule.id for rule in client.ip_rules()] == ["0", "1", "2"]


@pytest.mark.parametrize("body", [None, [], {"items": None}, {"items": [1]}, {"count": 0}])
def test_reply_that_is_no_list_is_an_error(body: object) -> None:
    """Nothing understood is not the same as an empty list."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.answer_next(*LIST, body)
        with pytest.raises(APIError, match="without a list of items"):
            client.ip_rules()


@pytest.mark.parametrize("keep_mask", [True, False])
@pytest.mark.parametrize("network", ["192.168.1.26", "192.168.1.26/32"])
def test_address_is_allowed_until_the_end(keep_mask: bool, network: str) -> None:
    """The new entry is ACCEPT, has our end in UTC and our words, however the PBX stores the mask."""
    end = datetime(2036, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.keep_mask = keep_mask
        name = client.add_ip_rule(network, end, "Data Flow Service")
        (rule,) = client.ip_rules()
        assert rule.id == name
        assert rule.cidr == ("192.168.1.26/32" if keep_mask else "192.168.1.26")
        assert (rule.target, rule.expire_at, rule.description) == ("ACCEPT", END, "Data Flow Service")


def test_existing_entries_stay_as_they_are() -> None:
    """A second entry is added beside a foreign one; the client has no way to change or delete an entry."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.add_rule("192.168.1.26/32", expire_at="2026-12-01T00:00:00Z", description="by hand")
        before = dict(pbx.rules[0])
        client.add_ip_rule("192.168.1.26/32", END, "ours")
        assert pbx.rules[0] == before
        assert len(pbx.rules) == 2
    assert [name for name in vars(PbxClient) if "rule" in name] == ["ip_rules", "add_ip_rule"]
    assert {entry.path for entry in pbx.requests if "ip_filters" in entry.path} == {"/api/ip_filters"}


def test_lost_answer_is_looked_up_instead_of_sent_again() -> None:
    """The entry was made, only the answer got lost: one entry, and its id."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.ip.keep_mask = False
        pbx.ip.add_rule("192.168.1.26", expire_at="2030-01-01T00:00:00Z", description="another")
        pbx.lose_next_answer(*CREATE)
        assert client.add_ip_rule("192.168.1.26/32", END, "ours") == pbx.rules[1]["id"]
        assert len(pbx.rules) == 2
        assert pbx.asked(*CREATE) == 1


def test_lost_request_is_said_and_not_sent_again() -> None:
    """Nothing was made: the caller learns it and looks first when it tries again."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.drop_next(*CREATE)
        with pytest.raises(Unreachable, match="POST /api/ip_filters"):
            client.add_ip_rule("192.168.1.26", END, "ours")
        assert pbx.rules == []
        assert pbx.asked(*CREATE) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_change_is_not_repeated_after_a_server_error(status: int) -> None:
    """Nobody knows how far it got."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.fail_next(*CREATE, status)
        with pytest.raises(APIError):
            client.add_ip_rule("192.168.1.26", END, "ours")
        assert pbx.asked(*CREATE) == 1


def test_throttled_change_is_sent_again() -> None:
    """429 says clearly that nothing was done."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.fail_next(*CREATE, 429, times=2)
        client.add_ip_rule("192.168.1.26", END, "ours")
        assert len(pbx.rules) == 1


def test_reply_without_id_is_looked_up() -> None:
    """An entry that was made is found by what it says; one that was not is an error."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.answer_next(*CREATE, {})
        with pytest.raises(APIError, match="unknown form"):
            client.add_ip_rule("192.168.1.26", END, "ours")
        made = pbx.ip.add_rule("192.168.1.26/32", expire_at="2036-01-01T00:00:00+00:00", description="ours")
        pbx.ip.add_rule("not a network")
        pbx.answer_next(*CREATE, {})
        assert client.add_ip_rule("192.168.1.26", END, "ours") == made


def test_refused_entry_is_told_in_the_words_of_the_pbx() -> None:
    """A rejection of the PBX is repeated."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.fail_next(*CREATE, 400, code="VALIDATE_FAILED", message="expire_at is too far away")
        with pytest.raises(APIError, match="VALIDATE_FAILED: expire_at is too far away"):
            client.add_ip_rule("192.168.1.26", END, "ours")


def test_end_without_a_zone_is_refused() -> None:
    """A naive time would be off by hours somewhere."""
    with Pbx() as pbx, block_for(pbx).get_client() as client, pytest.raises(ValueError, match="time zone"):
        client.add_ip_rule("192.168.1.26", datetime(2036, 1, 1), "ours")


def test_long_description_is_cut_to_what_the_pbx_takes() -> None:
    """255 characters."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        client.add_ip_rule("192.168.1.26", END, "x" * 300)
        assert pbx.rules[0]["description"] == "x" * 255
