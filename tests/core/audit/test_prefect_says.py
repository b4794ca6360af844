"""What Prefect's API tells of a run, read from its plain JSON."""

from __future__ import annotations

from typing import Any

from flows.core.audit.ending import Run
from flows.core.audit.prefect_says import ANYBODY, cluster_of, run_of, trigger_of
from flows.core.audit.record import Trigger

SAID: dict[str, Any] = {
    "id": "r-1",
    "flow_id": "f-1",
    "name": "upgrade prod",
    "state_type": "FAILED",
    "state_name": "Failed",
    "state": {"message": "it went wrong"},
    "created": "2027-01-15T07:59:00.5Z",
    "start_time": "2027-01-15T08:00:00+00:00",
    "end_time": None,
    "run_count": 2,
    "deployment_id": "d-1",
    "parameters": {"cluster": {"$ref": {"block_document_id": "b-1"}}},
    "created_by": {"type": "SCHEDULE", "id": "s-1", "display_value": "weekly"},
}
DEPLOYMENTS = {"d-1": "upgrade-data-flow/prod"}


def test_a_run_is_read_from_the_answer() -> None:
    """With the names of what it only has ids of."""
    read = run_of(SAID, {"f-1": "upgrade-data-flow"}, {"b-1": "prod"}, DEPLOYMENTS, "http://ui/v2/runs/flow-run")
    assert read == Run(
        *("r-1", "upgrade-data-flow", "upgrade prod", "prod", "FAILED"),
        created=1_799_999_940.5,
        started=1_800_000_000.0,
        state_name="Failed",
        message="it went wrong",
        attempts=2,
        link="http://ui/v2/runs/flow-run/r-1",
        trigger=Trigger("schedule", "weekly", "upgrade-data-flow/prod"),
    )


def test_a_run_that_never_began_and_whose_flow_and_block_are_gone_is_read_too() -> None:
    """Nothing but an id, a name and when it was made is certain."""
    bare = {"id": "r", "flow_id": "gone", "name": "n", "created": "1970-01-01T00:00:01Z", "state": None}
    read = run_of({**bare, "run_count": 0, "parameters": None, "created_by": None}, {}, {}, {})
    assert read == Run("r", "", "n", "", "", 1.0, trigger=Trigger(ANYBODY))


def test_a_trigger_is_what_prefect_knows_and_no_person() -> None:
    """It knows schedules, automations and parent runs, and nothing of whoever clicked."""
    cases: list[tuple[dict[str, Any], Trigger]] = [
        ({"created_by": None}, Trigger(ANYBODY)),
        ({"created_by": {"type": "AUTOMATION", "id": "a"}, "deployment_id": "gone"}, Trigger("automation", "a")),
        ({"parent_task_run_id": "t"}, Trigger("another run", "t")),
        ({"created_by": {"type": None, "id": None}}, Trigger(ANYBODY)),
    ]
    for said, trigger in cases:
        assert trigger_of(said, DEPLOYMENTS) == trigger


def test_a_cluster_is_named_by_each_form_of_a_reference() -> None:
    """A deployment of this repository names it by its slug, the UI's form by its id."""
    cases: list[tuple[Any, str]] = [
        ({"$ref": {"block_document_slug": "data-flow-cluster/prod-eu"}}, "prod-eu"),
        ({"$ref": {"block_document_id": "b-1"}}, "prod"),
        ({"$ref": {"block_document_slug": "data-flow-cluster/eu"}}, "prod"),
        ({"$ref": "b-1"}, "prod"),
        ({"$ref": {"block_document_id": "gone"}}, ""),
        ({"name": "prod", "block_type_slug": "data-flow-cluster"}, "prod"),
        ({"name": "prod"}, ""),
        (None, ""),
        ("prod", ""),
    ]
    for cluster, name in cases:
        assert cluster_of({"cluster": cluster}, {"b-1": "prod", "eu": "prod"}) == name
