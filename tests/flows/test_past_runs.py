"""Past runs are read page by page from a server on which others go on: none is skipped, none counted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from flows.tasks import past_runs
from flows.tasks.past_artifacts import read_copies, read_heads
from flows.tasks.past_runs import read_named_runs, read_runs

FLOW = "rollback-data-flow"


@pytest.fixture
def client(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, with pages of three; the runs that are made go again, for an audit would find them."""
    from prefect.client.orchestration import get_client

    monkeypatch.setattr(past_runs, "PAGE", 3)
    with get_client(sync_client=True) as client:
        yield client
        for each in [*past_runs.all_of(client, "/flow_runs/filter", {"flow_runs": {"name": {"any_": ["paged"]}}})]:
            client.request("DELETE", f"/flow_runs/{each['id']}")


def make(client: Any, **known: Any) -> str:
    """Make a run that is over; returns its id."""
    flow = client.request("POST", "/flows/", json={"name": FLOW}).json()["id"]
    body = {"flow_id": flow, "name": "paged", "state": {"type": "COMPLETED"}, **known}
    made: dict[str, Any] = client.request("POST", "/flow_runs/", json=body).json()
    return str(made["id"])


def test_runs_that_come_and_go_while_pages_are_read_move_no_other(client: Any) -> None:
    """One is deleted behind the reader and one is made before him; every other is read exactly once."""
    runs = [make(client) for _ in range(8)]
    pages = past_runs._in_time(client, [FLOW], {"name": {"any_": ["paged"]}})
    seen = Counter([next(pages)["id"] for _ in range(4)])
    client.request("DELETE", f"/flow_runs/{runs[0]}")
    late = make(client)
    for each in pages:
        seen[each["id"]] += 1
    assert {*runs, late} <= seen.keys()
    assert {*read_runs(client, {})} >= {*runs[1:], late}
    assert {*read_named_runs(client, [*runs, "0198f0c4-5a6b-7c8d-9e0f-a1b2c3d4e5f6"], {})} == {*runs[1:]}


def test_a_run_that_never_began_is_no_past_run(client: Any) -> None:
    """A schedule makes its next runs long before; who waits for a retry has begun."""
    planned = make(client, state={"type": "SCHEDULED"})
    retried = make(client, state={"type": "RUNNING"})
    client.request("POST", f"/flow_runs/{retried}/set_state", json={"state": {"type": "SCHEDULED"}, "force": True})
    read = read_runs(client, {})
    assert planned not in read
    assert read[retried].state == "SCHEDULED"


def test_artifacts_of_other_people_are_no_records(client: Any) -> None:
    """A key that begins like ours is everybody's; it is told as damaged, for the audit to pass over or not."""
    run = make(client)
    for number in range(7):
        body = {"key": "record-of-others", "type": "table", "data": f"[{number}]", "flow_run_id": run}
        client.request("POST", "/artifacts/", json=body)
    found = read_copies(client, {}, ["record-of-others"])
    assert (dict(found.copies), [*found.damaged]) == ({}, [run])
    assert (
        len([*past_runs.all_of(client, "/artifacts/filter", {"artifacts": {"key": {"any_": ["record-of-others"]}}})])
        == 7
    )
    assert read_heads(client, {"record-of-others": "prod"}).get("prod", []) == []
