"""Lets a change come again when the cluster's maintenance window opens."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from prefect import task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled

from flows.core.change import Outcome
from flows.tasks.policy import LOOK, told

POSTPONED = "postponed"
"""The tag of a run that was postponed until a window."""


@task(name="postpone", task_run_name="postpone", **LOOK)
def postpone(run: str, name: str, starts: float, answer_key: str) -> Outcome:
    """Schedule the same order for `starts` (seconds since 1970), unless an equal one waits already.

    An answer that was given to the plan goes with it: nobody is asked at night what was approved by day.
    """
    with get_client(sync_client=True) as client:
        mine = client.read_flow_run(UUID(run))
        waiting = _waiting(client, mine)
        later = waiting or _scheduled(client, mine, name, datetime.fromtimestamp(starts, UTC))
        _hand_on(client, answer_key, mine, later)
    when = later.expected_start_time
    said = f"run {later.name} ({later.id}) starts {when:%Y-%m-%d %H:%M} UTC" if when else f"run {later.id} is planned"
    return told(Outcome("postpone", waiting is None, said))


def _hand_on(client: SyncPrefectClient, key: str, mine: FlowRun, later: FlowRun) -> None:
    given, known = (client.filter_flow_run_input(run.id, key, limit=1, exclude_keys=set()) for run in (mine, later))
    for answer in given if not known else ():
        client.create_flow_run_input(later.id, key, answer.value, f"prefect.flow-run.{mine.id}")


def _waiting(client: SyncPrefectClient, mine: FlowRun) -> FlowRun | None:
    wanted = {
        "deployment_id": {"any_": [str(mine.deployment_id)]},
        "tags": {"all_": [POSTPONED]},
        "state": {"type": {"any_": ["SCHEDULED"]}},
    }
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted), limit=200)
    return next((each for each in found if each.parameters == mine.parameters and each.id != mine.id), None)


def _scheduled(client: SyncPrefectClient, mine: FlowRun, name: str, when: datetime) -> FlowRun:
    assert mine.deployment_id is not None  # refused before
    return client.create_flow_run_from_deployment(
        mine.deployment_id,
        parameters=mine.parameters,  # as they were sent: the cluster by reference, without its secrets
        state=Scheduled(scheduled_time=when),
        name=name,
        tags=sorted({*mine.tags, POSTPONED}),
        idempotency_key=f"{POSTPONED}-{mine.id}-{when.timestamp():.0f}",
        job_variables=mine.job_variables,
    )
