"""A person's answer to a plan: the run shows it, ends its process, and comes again when it was answered."""

from __future__ import annotations

import time
from typing import Literal
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from blocks.cluster import DataFlowCluster
from flows.core.change import Approval, Order
from flows.core.numbers import APPROVAL_WAIT
from flows.core.plan import Plan
from flows.core.report import request
from flows.core.words import utc
from flows.errors import PreflightFailed
from flows.recorded import Recorded, publish, redact_values


class Answer(RunInput):
    """What the form asks for that Prefect shows under Resume."""

    decision: Literal["approve", "reject"] = Field(
        title="Decision", description="Approve lets exactly this plan be carried out; reject ends the run."
    )
    name: str = Field(
        min_length=1, pattern=r"\S", title="Your name", description="Who decides. It stands in the report."
    )
    comment: str = Field(default="", title="Comment", description="Why, in your words. It stands in the report.")


def refuse_without_deployment(cluster: DataFlowCluster, order: Order) -> None:
    """Refuse what cannot wait for an answer or a window: Prefect starts only runs of deployments again."""
    if not order.needs_deployment or (runtime.deployment.id and not runtime.flow_run.parent_flow_run_id):
        return
    raise PreflightFailed(
        cluster.name,
        "starting a change that may have to wait",
        "this run is not one of a deployment, so Prefect could not start it again",
        "Nothing was done. Start it from its deployment, or without `require_approval` and postponing.",
    )


def answer_key(plan: Plan) -> str:
    """Under which key Prefect keeps the answer to this very plan, with the run that asked."""
    return f"suspended-{plan.hash}-response"


def approve(cluster: DataFlowCluster, run: Recorded, plan: Plan, *, begun: bool) -> str:
    """Go on only if somebody approved this very plan; else ask, and end this process until it is answered.

    A plan with another hash is asked for anew, the same one never twice. What this run has `begun` under its lock was
    approved before. Returns "" to go on, or which other run waits already for an answer to the same plan. Raises
    `PreflightFailed` where the answer was no.
    """
    given = _answers(run)
    known = given.get(answer_key(plan)) or (max(given.values(), key=lambda a: a.when, default=None) if begun else None)
    run.note(approval=known)
    if begun or (known and known.approved):
        return ""
    if known is None:
        return _asked_by_another(run, plan) or _ask(cluster, run, plan)
    said = f"{known.name} rejected plan {plan.hash}, {known.when}: {known.comment or 'without a comment'}"
    raise PreflightFailed(cluster.name, "asking for approval", said, "Nothing was changed. Order it anew when settled.")


def _answers(run: Recorded) -> dict[str, Approval]:
    """What was answered to the plans of this run, by the key."""
    with get_client(sync_client=True) as client:
        found = client.filter_flow_run_input(UUID(run.id), "suspended-", limit=100, exclude_keys=set())
    answers = [(each, Answer(**each.decoded_value)) for each in found if each.key.endswith("-response")]
    return {
        each.key: Approval(
            said.decision == "approve",
            said.name.strip(),
            utc(each.created.timestamp()) if each.created else "at a time that is not known",
            each.key.split("-")[1],
            said.comment.strip(),
        )
        for each, said in answers
    }


def _asked_by_another(run: Recorded, plan: Plan) -> str:
    with get_client(sync_client=True) as client:
        mine = client.read_flow_run(UUID(run.id))
        wanted = {"deployment_id": {"any_": [str(mine.deployment_id)]}, "state": {"type": {"any_": ["PAUSED"]}}}
        waiting = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted), limit=200)
    for each in waiting:
        same = each.state is not None and each.state.state_details.pause_key == plan.hash
        if same and each.parameters.get("cluster") == mine.parameters.get("cluster"):
            return f"run {each.name} ({each.id})"
    return ""


def _ask(cluster: DataFlowCluster, run: Recorded, plan: Plan) -> str:
    until = utc(time.time() + APPROVAL_WAIT)
    run.note(result="waiting for approval", waits=f"waiting for approval until {until}, no answer means no")
    report = publish(run, cluster)
    _forget_form(run, plan)
    get_run_logger().warning("Plan %s waits for approval until %s: ⋮ and Resume on this page.", plan.hash, until)
    form = Answer.with_initial_data(description=redact_values(request(run.report, report), cluster))
    suspend_flow_run(wait_for_input=form, timeout=APPROVAL_WAIT, key=plan.hash)
    return ""


def _forget_form(run: Recorded, plan: Plan) -> None:
    """Remove a form that nobody answered in time, so that a Retry can ask again: Prefect writes no form twice."""
    with get_client(sync_client=True) as client:
        for left in client.filter_flow_run_input(UUID(run.id), f"suspended-{plan.hash}", limit=10, exclude_keys=set()):
            client.delete_flow_run_input(UUID(run.id), left.key)
