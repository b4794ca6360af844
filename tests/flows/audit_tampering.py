"""Ways to touch what a change left: its artifact and the lines of the log; each returns what mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.flows.audit_support import LOG
from tests.flows.conftest import Run
from tests.sandbox.world import World


@dataclass
class Changed:
    """A cluster that was recreated once; a removal was refused, and something was ordered that is not valid."""

    world: World
    block: Any
    run: Run
    refused: Run

    @property
    def name(self) -> str:
        """What the cluster is called, in Prefect's blocks too."""
        return str(self.block.name)

    @property
    def records(self) -> str:
        """The key of the artifacts that its runs keep their records in."""
        return f"record-{self.name}"


def request(method: str, path: str, body: Any) -> Any:
    """Ask Prefect as anybody can who has its password."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        answer: Any = client.request(method, path, json=body)  # type: ignore[arg-type]
    return answer.json() if answer.content else None


def artifact(key: str, run: str = "") -> dict[str, Any]:
    """The newest artifact with this key, perhaps of one run."""
    only = {"key": {"any_": [key]}, **({"flow_run_id": {"any_": [run]}} if run else {})}
    found: dict[str, Any] = request("POST", "/artifacts/filter", {"artifacts": only, "sort": "CREATED_DESC"})[0]
    return found


def forged_record(changed: Changed) -> Callable[[], None]:
    """Somebody changes who asked for it, in the run's artifact."""
    return rewritten(changed, "a test", "somebody else")


def forged_head(changed: Changed) -> Callable[[], None]:
    """Somebody changes the hash that the run noted."""
    head = json.loads(artifact(changed.records, changed.run.id)["data"])[0]["value"]
    return rewritten(changed, head, f"{head[:-4]}0000")


def garbage(changed: Changed) -> Callable[[], None]:
    """Somebody overwrites the artifact."""
    data = artifact(changed.records, changed.run.id)["data"]
    return rewritten(changed, data, "[]")


def rewritten(changed: Changed, old: str, new: str) -> Callable[[], None]:
    """Write something else into the artifact of the run; returns what puts it back."""
    kept = artifact(changed.records, changed.run.id)
    path = f"/artifacts/{kept['id']}"
    assert old in kept["data"]
    request("PATCH", path, {"data": kept["data"].replace(old, new)})
    return lambda: request("PATCH", path, {"data": kept["data"]})


def in_log(edit: Callable[[list[str]], list[str]]) -> Callable[[Changed], Callable[[], None]]:
    """Somebody edits the lines of the log on pbx01."""

    def arrange(changed: Changed) -> Callable[[], None]:
        place = changed.world.control.path(LOG)
        text = place.read_text()
        place.write_text("".join(edit(text.splitlines(keepends=True))))
        return lambda: void(place.write_text(text))

    return arrange


def void(_: object) -> None:
    """Nothing."""


TOUCHED: list[tuple[Callable[[Changed], Callable[[], None]], str, str]] = [
    (forged_record, "audit.artifact-differs", "log and artifact tell different things: requested_by"),
    (forged_head, "audit.chain-broken", "line 1 was noted with another hash in artifact"),
    (garbage, "audit.artifact-differs", "is not what a run keeps of its record"),
    (in_log(lambda lines: [lines[0].replace("CHG-8", "CHG-9"), lines[1]]), "audit.chain-broken", "line 1: edited"),
    (in_log(lambda lines: lines[1:]), "audit.chain-broken", "line 1: deleted"),
    (in_log(lambda lines: lines[1:]), "audit.record-gone", "an artifact holds record"),
    (in_log(lambda lines: lines[:1]), "audit.chain-broken", "line 2: cut off"),
]
