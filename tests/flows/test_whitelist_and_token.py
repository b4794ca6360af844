"""Steps 2 and 3 of the guide on a PBX that has entries and tokens of others already."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.flows.story_support import (
    block_of,
    edited,
    ended_clearly,
    refused_by,
    result_of,
    untouched,
    without_clickhouse_image,
)
from tests.sandbox import vendor
from tests.sandbox.world import World

Install = Callable[..., Run]
TOKEN = "/api/dataflow/token"
PUBLIC = "203.0.113.26"


@pytest.fixture
def cluster(world: World, prefect_server: str) -> Any:
    """The block that points at the world; not saved anew for each test."""
    return block_of(world)


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entries(world: World) -> list[tuple[str, str, str]]:
    return [(rule["cidr"], rule["target"], rule["description"]) for rule in world.pbx.rules]


DENIED = {
    "192.168.1.26/32": "the server 192.168.1.26",
    "192.168.1.20/30": "the control node 192.168.1.21",
    "127.0.0.0/8": "the worker 127.0.0.1",
}


def test_entries_that_shut_out_server_control_node_or_worker_refuse(world: World, install: Install) -> None:
    """They would stand against what is added; deleting somebody else's entry is not ours."""
    for network in DENIED:
        world.pbx.ip.add_rule(network, "DENY", description="by anna")
    world.pbx.ip.add_rule("127.0.0.1/32", description="lets us ask at all")
    said = [f"{owner} by {network} until 2036-01-01" for network, owner in DENIED.items()]
    refused_by(install(), "pbx.address-denied", *said, "IP Blacklist", "Step 2")
    assert len(world.pbx.rules) == 4
    untouched(world)


def test_a_worker_that_the_pbx_drops_learns_why(
    world: World, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blacklisted address looks like a dead PBX; the error names that cause too."""
    from flows.tasks.look import look

    monkeypatch.setattr(look, "retry_delay_seconds", [0.02] * 3)
    world.pbx.ip.add_rule("127.0.0.1/32", "DENY")
    ended_clearly(install(), "PBX 127.0.0.1", "A blacklisted address looks exactly like this", "a Block entry")
    untouched(world)


@pytest.mark.matrix
def test_a_foreign_entry_that_ends_too_soon_gets_one_of_ours_beside_it(
    world: World, cluster: Any, install: Install
) -> None:
    """The foreign one is left alone, a second run adds nothing; a token made by hand is trusted meanwhile."""
    world.pbx.ip.add_rule("192.168.1.26/32", expire_at=_in_days(30), description="by anna")
    before = dict(world.pbx.rules[0])
    world.pbx.data_flow_api = False
    without_clickhouse_image(world)
    day = _in_days(3650)[:10]
    first, second = (install(edited(cluster, "pbx", token_mode="by hand")) for _ in range(2))
    assert [result_of(run, "whitelist") for run in (first, second)] == ["changed", "already so"]
    assert world.pbx.rules[0] == before
    assert _entries(world)[1:] == [("192.168.1.26/32", "ACCEPT", "Data Flow Service")]
    assert world.pbx.rules[1]["expire_at"][:10] in (day, _in_days(3650)[:10])  # midnight may have passed
    assert [result_of(run, "token") for run in (first, second)] == ["already so"] * 2
    assert [result_of(run, "pull-image") for run in (first, second)] == ["**failed**"] * 2
    assert world.pbx.asked("POST", TOKEN) == 0


@pytest.mark.matrix
def test_a_lasting_network_and_a_token_that_are_there_are_kept(world: World, install: Install) -> None:
    """Entries are compared as networks, not as strings; a new token would force the service to be recreated."""
    world.pbx.ip.add_rule("192.168.1.0/24", description="by anna")
    token = world.pbx.data_flow.generate()
    without_clickhouse_image(world)
    run = install()
    assert [result_of(run, step) for step in ("whitelist", "token")] == ["already so"] * 2
    assert _entries(world) == [("192.168.1.0/24", "ACCEPT", "by anna")]
    assert world.pbx.token == token
    assert world.pbx.asked("POST", TOKEN) == 0


@pytest.mark.matrix
def test_private_and_public_address_each_get_an_entry_and_a_login(world: World, cluster: Any, install: Install) -> None:
    """Each just once, though an answer is lost; and a token is replaced when that is asked for, once too."""
    world.control.know(PUBLIC, world.server.ssh_port)
    world.pbx.lose_next_answer("POST", "/api/ip_filters")
    token = world.pbx.data_flow.generate()
    without_clickhouse_image(world)
    run = install(edited(cluster, public_address=PUBLIC), new_token=True)
    assert [cidr for cidr, _, _ in _entries(world)] == ["192.168.1.26/32", f"{PUBLIC}/32"]
    assert f"pbx01 logs in to 192.168.1.26, {PUBLIC} without a password" in run.report
    known = world.control.path("/home/pbx/.ssh/known_hosts").read_text()
    assert [line.split()[0] for line in known.splitlines()] == ["192.168.1.26", PUBLIC]
    assert result_of(run, "token") == "changed"
    assert world.pbx.token not in ("", token)
    assert world.pbx.asked("POST", TOKEN) == 1


@pytest.mark.parametrize("reply", ["not-found", "odd"])
def test_a_token_that_cannot_be_read_is_never_generated(reply: str, world: World, install: Install) -> None:
    """Only a clear "there is none" allows that; anything else is refused with the way by hand."""
    if reply == "not-found":
        world.pbx.data_flow_api = False
    else:
        world.pbx.answer_next("GET", TOKEN, {"dataflow": {"tok": "x"}}, times=9)
    refused_by(install(), "pbx.token-unknown", "is not known", "Servers > Data Flow", "Step 3")
    untouched(world)


def test_a_refused_token_names_the_way_by_hand(world: World, install: Install) -> None:
    """The entry on the IP list was made before it, and the report says so."""
    world.pbx.fail_next("POST", TOKEN, 500)
    run = install()
    ended_clearly(run, "PBX 127.0.0.1", f"POST {TOKEN}", "HTTP 500: UNKNOWN: made to fail", "Generate it by hand")
    assert result_of(run, "whitelist") == "changed"
    assert result_of(run, "token") == "**failed**"
    assert "given back" in run.report
    assert world.registry.pulls == []


@pytest.mark.matrix
def test_an_installed_server_refuses_a_new_token_and_another_data_path(
    world: World, cluster: Any, install: Install
) -> None:
    """Both would leave the running service without what it lives on; neither can be lowered."""
    vendor.settle(world.control, SECONDS_PER_STEP=0)
    assert install().ended == "COMPLETED"
    token, posts = world.pbx.token, world.pbx.asked("POST", TOKEN)
    run = install(new_token=True, lowered=["install.new-token-needs-recreate"])
    refused_by(run, "install.new-token-needs-recreate", "installed already", "recreate")
    run = install(edited(cluster, data_path="/var/lib/portsip2"))
    refused_by(run, "host.data-path-differs", "-p /var/lib/portsip (", "the block says /var/lib/portsip2")
    refused_by(run, "host.mount-differs", "mounts /var/lib/portsip/clickhouse/data, not below /var/lib/portsip2")
    assert (world.pbx.token, world.pbx.asked("POST", TOKEN)) == (token, posts)
