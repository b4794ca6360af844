"""What artifacts keep for an audit: records of runs, and heads of the audit logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect.client.orchestration import SyncPrefectClient

from flows.core.audit.chain import Head
from flows.core.audit.kept import Copy, heads_kept, kept
from flows.core.audit.record import ChangeRecord
from flows.core.health.memory import head_in
from flows.tasks.past_runs import all_of, ask

RECORDS, HEALTH, AUDITS = "record", "health-findings", "audit-heads"
"""How the keys of the artifacts begin in which records and heads are kept."""

CHECKS, DAYS = 288, 15
"""Health checks of a cluster in a day, by its schedule, and for how many days one is read: audits run every week."""

_NEWEST = {"sort": "CREATED_DESC"}


@dataclass
class Artifacts:
    """What was found: copies of records, the oldest first, and what is no such copy, both by flow run."""

    copies: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))
    damaged: dict[str, str] = field(default_factory=dict)


def read_copies(client: SyncPrefectClient, by_text: Mapping[str, ChangeRecord], keys: Sequence[str] = ()) -> Artifacts:
    """What runs keep of their records, under these keys or all; `by_text` are those of the logs.

    A copy that reads like its record is that object: most do, and there may be many thousands.
    """
    found = Artifacts()
    for each in _of(client, keys or _keys(client)):
        run = str(each["flow_run_id"])
        try:
            record, head = kept(each["data"], f"artifact {each['id']}", by_text)
        except ValueError as error:
            found.damaged[run] = str(error)
            continue
        # Another run writes the record of one that died.
        of = record.run if record.late else run
        found.copies[of].insert(0, Copy(record, head))
    return found


def read_heads(client: SyncPrefectClient, keys: Mapping[str, str]) -> dict[str, list[Head]]:
    """Heads of the logs that health checks and audits noted, by cluster; `keys` are those of health checks to clusters.

    Of the checks one for each of the last days is read, as there are hundreds a day; of the audits all.
    """
    found: defaultdict[str, list[Head]] = defaultdict(list)
    for key, cluster in keys.items():
        for day in range(DAYS):
            one = {"artifacts": {"key": {"any_": [key]}}, **_NEWEST, "limit": 1, "offset": day * CHECKS}
            if not (checks := ask(client, "/artifacts/filter", one)):
                break
            if head := head_in(checks[0]["data"], f"the health check of {_when(checks[0])}"):
                found[cluster].append(head)
    for each in _of(client, [AUDITS]):
        for cluster, head in heads_kept(each["data"], f"the audit of {_when(each)}"):
            found[cluster].append(head)
    return found


def _keys(client: SyncPrefectClient) -> list[str]:
    every = all_of(client, "/artifacts/latest/filter", {"artifacts": {"key": {"like_": f"{RECORDS}-%"}}})
    return [each["key"] for each in every]


def _of(client: SyncPrefectClient, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
    """All artifacts with these keys, those of each from the newest on: by key and time the server has an index."""
    for key in keys:
        yield from all_of(client, "/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}, **_NEWEST})


def _when(artifact: Mapping[str, Any]) -> str:
    return f"{artifact['created']:.16}".replace("T", " ")
