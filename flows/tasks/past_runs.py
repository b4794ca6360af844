"""Past runs as Prefect's API tells them, in plain JSON: models of thousands of runs would cost most of the time.

Runs begin and go on while they are read, so each page starts where the one before ended, by time and not by number:
a run that is added or deleted meanwhile moves none of the others out of sight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prefect.client.orchestration import SyncPrefectClient

from flows.core.addresses import is_loopback
from flows.core.audit.ending import Run
from flows.core.audit.history import KINDS
from flows.core.audit.prefect_says import run_of
from flows.recorded import page

PAGE = 200
"""As many as the server gives at once."""

_LOOKS = ("reconcile-data-flow",)
_NOT_YET = ["SCHEDULED", "PENDING"]


def read_runs(client: SyncPrefectClient, clusters: Mapping[str, str]) -> dict[str, Run]:
    """Every run of our flows that began, by id; `clusters` are names by id and by name of their blocks.

    Reconciling looks every few minutes: of its runs only those that did not complete are read.
    """
    changes = [name for name in KINDS if name not in _LOOKS]
    said = {each["id"]: each for each in _in_time(client, changes, {})}
    said |= {e["id"]: e for e in _in_time(client, _LOOKS, {"state": {"type": {"not_any_": ["COMPLETED", *_NOT_YET]}}})}
    began = {id: each for id, each in said.items() if each["start_time"] or each["state_type"] not in _NOT_YET}
    return _named(client, began, clusters)


def read_named_runs(client: SyncPrefectClient, ids: Iterable[str], clusters: Mapping[str, str]) -> dict[str, Run]:
    """Of these runs, those that Prefect knows."""
    wanted = sorted(ids)
    said: dict[str, dict[str, Any]] = {}
    for first in range(0, len(wanted), PAGE):
        only = {"flow_runs": {"id": {"any_": wanted[first : first + PAGE]}}, **_of(KINDS)}
        said |= {each["id"]: each for each in ask(client, "/flow_runs/filter", only)}
    return _named(client, said, clusters)


def ask(client: SyncPrefectClient, path: Any, body: Mapping[str, Any]) -> Any:
    """The answer to a question with a filter."""
    # On one machine the server packs its answers for nothing: a third of the time of a page of records.
    headers = {"Accept-Encoding": "identity"} if is_loopback(client.api_url.host) else {}
    said = client.request("POST", path, json={"limit": PAGE, **body}, headers=headers)
    return said.raise_for_status().json()


def all_of(client: SyncPrefectClient, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that a filter finds, each once; what is added meanwhile has to come first in its order."""
    seen: set[str] = set()
    offset = 0
    while True:
        found = ask(client, path, {**body, "offset": offset})
        yield from (each for each in found if each["id"] not in seen)
        if len(found) < PAGE:
            return
        seen.update(each["id"] for each in found)
        offset += PAGE


def _in_time(client: SyncPrefectClient, flows: Iterable[str], only: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The runs of these flows, in the order in which they were due; one that is put off may come a second time."""
    since, offset = "1970-01-01T00:00:00Z", 0
    while True:
        wanted = {"flow_runs": {**only, "expected_start_time": {"after_": since}}, **_of(flows)}
        order = {"sort": "EXPECTED_START_TIME_ASC", "offset": offset}
        found = ask(client, "/flow_runs/filter", {**wanted, **order})
        yield from found
        if len(found) < PAGE:
            return
        last = found[-1]["expected_start_time"]
        # The next page begins with the last moment of this one; where that fills whole pages, they are counted.
        since, offset = last, offset + PAGE if last == since else 0


def _of(flows: Iterable[str]) -> dict[str, Any]:
    return {"flows": {"name": {"any_": [*flows]}}}


def _named(
    client: SyncPrefectClient, said: Mapping[str, dict[str, Any]], clusters: Mapping[str, str]
) -> dict[str, Run]:
    if not said:
        return {}
    flows = {each["id"]: each["name"] for each in ask(client, "/flows/filter", _of(KINDS))}
    every = all_of(client, "/deployments/filter", {**_of(KINDS), "sort": "CREATED_DESC"})
    deployments = {each["id"]: f"{flows.get(each['flow_id'], '')}/{each['name']}" for each in every}
    return {id: run_of(each, flows, clusters, deployments, page("runs/flow-run")) for id, each in said.items()}
