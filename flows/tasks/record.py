"""The record of a run: made of its report, appended to the log on the control node, kept by Prefect beside the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from uuid import UUID

from prefect import get_run_logger, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from blocks.cluster import DataFlowCluster
from blocks.ssh import SshHost
from blocks.ssh_client import SshClient
from flows.core.audit.bundle import TRANSCRIPT
from flows.core.audit.chain import Head
from flows.core.audit.digests import digests_command, parse_digests
from flows.core.audit.kept import kept, rows
from flows.core.audit.make import Told, record_of
from flows.core.audit.prefect_says import trigger_of
from flows.core.audit.record import ChangeRecord, Trigger
from flows.core.change import Outcome
from flows.core.numbers import AUDIT_WAIT
from flows.core.redact import redact
from flows.core.report import Report
from flows.tasks.audit_log import append_record
from flows.tasks.change_state import change_folder
from flows.tasks.policy import told as ended
from flows.tasks.secrets import secrets_of

WAITING = "record-not-written"
"""The tag of a run whose record has still to be appended to the log: reconcile-data-flow does it."""


def prefect_tells(run: str, *, late: bool = False) -> Told:
    """What Prefect knows of a run: which attempt it is, and what started it. Never raises: nothing fails of this."""
    told = Told(run, 1, Trigger("not known"), version("portsip-data-flow"), late)
    try:
        context = FlowRunContext.get()
        with get_client(sync_client=True) as client:
            own = context.flow_run if context and context.flow_run and str(context.flow_run.id) == run else None
            found = own or client.read_flow_run(UUID(run))
            trigger = trigger_of(found.model_dump(mode="json"), _deployment(client, found))
        return replace(told, attempt=found.run_count or 1, trigger=trigger)
    except Exception as error:  # a run of another server, of no server, or whatever a client raises
        get_run_logger().warning("Prefect does not tell who started run %s: %s", run, type(error).__name__)
        return told


def _deployment(client: SyncPrefectClient, run: FlowRun) -> dict[str, str]:
    if run.deployment_id is None:
        return {}
    with suppress(ObjectNotFound):  # deleted meanwhile
        name = f"{client.read_flow(run.flow_id).name}/{client.read_deployment(run.deployment_id).name}"
        return {str(run.deployment_id): name}
    return {}


def write_record(
    cluster: DataFlowCluster, report: Report, told: Told, mask: Callable[[str], str]
) -> tuple[ChangeRecord | None, Head | None]:
    """Make the record of a report and append it to the log; the head is None where that was not possible.

    Nothing fails of this, and it takes seconds only: a run that is cancelled has few of them.
    """
    record = head = None
    try:
        record = record_of(report, told, mask)
        with _hurried(cluster.control).get_client(name="pbx01") as ssh:
            record = record_of(report, _with_digests(ssh, report, told), mask)
            head = append_record(ssh, record)
    except Exception as error:  # must not hide how the run ended
        get_run_logger().warning("The record of this run did not get into the audit log: %s", mask(str(error)))
    return record, head


def keep_record(key: str, record: ChangeRecord, head: Head | None) -> None:
    """Keep a record and the head that it made as an artifact of this run; a run whose record has to wait is tagged."""
    try:
        description = f"record of {record.kind} {record.cluster}: {record.outcome}"
        create_table_artifact(rows(record, head), key=key, description=description)
        if head is None and record.changed:
            with get_client(sync_client=True) as client:
                mine = client.read_flow_run(UUID(str(runtime.flow_run.id)))
                client.update_flow_run(mine.id, tags=sorted({*mine.tags, WAITING}))
    except Exception as error:
        get_run_logger().warning("The record of this run is not kept beside it: %s", error)


@dataclass(frozen=True)
class Waiting:
    """A record that has still to be appended: of which artifact, and of which run that is."""

    artifact: UUID
    run: UUID
    record: ChangeRecord


def waiting_records(key: str) -> list[Waiting]:
    """The records under this key that have still to be appended to the log; one call where there are none."""
    with get_client(sync_client=True) as client:
        tagged = FlowRunFilter.model_validate({"tags": {"all_": [WAITING]}})
        runs = [str(run.id) for run in client.read_flow_runs(flow_run_filter=tagged, limit=200)]
        only = {"key": {"any_": [key]}, "flow_run_id": {"any_": runs}}
        found = client.read_artifacts(artifact_filter=ArtifactFilter.model_validate(only)) if runs else []
    return [*_waiting(found)]


def _waiting(artifacts: Iterable[Artifact]) -> Iterator[Waiting]:
    for each in artifacts:
        with suppress(ValueError):  # somebody edited it: the audit says so
            record, head = kept(each.data, f"artifact {each.id}")
            if head is None and each.flow_run_id is not None:
                yield Waiting(each.id, each.flow_run_id, record)


@task(name="write-records", task_run_name="write-records", cache_policy=NO_CACHE, persist_result=False)
def write_records(cluster: DataFlowCluster, waiting: list[Waiting]) -> Outcome:
    """Append records that never reached the control node, and note in their artifacts that they are there now."""
    left = [*waiting]
    try:
        with cluster.control.get_client(name="pbx01") as ssh, get_client(sync_client=True) as client:
            while left and (head := append_record(ssh, left[0].record)):
                done = left[0]
                client.update_artifact(done.artifact, ArtifactUpdate(data=json.dumps(rows(done.record, head))))
                del left[0]
                if all(each.run != done.run for each in left):
                    tags = {*client.read_flow_run(done.run).tags} - {WAITING}
                    client.update_flow_run(done.run, tags=sorted(tags))
    except Exception as error:  # tried again by the next run; what else is to be settled is more urgent
        said = redact(str(error), secrets_of(cluster))
        get_run_logger().warning("Not all records that wait could be appended to the audit log: %s", said)
    said = f"{len(waiting) - len(left)} of {len(waiting)} that waited are in the audit log"
    return ended(Outcome("write-records", None, said))


def _hurried(control: SshHost) -> SshHost:
    limits = {name: min(AUDIT_WAIT, getattr(control, name)) for name in ("connect_timeout", "command_timeout")}
    return control.model_copy(update=limits)


def _with_digests(ssh: SshClient, report: Report, told: Told) -> Told:
    snapshots = change_folder(report.change.id) if report.change else ""
    # Of a script that goes on it would be the digest of a text that nobody sees again.
    transcript = f"{report.transcript.folder}/log" if report.transcript and report.transcript.ended else ""
    if not (snapshots or transcript):
        return told
    found = parse_digests(ssh.run(digests_command(snapshots, transcript, TRANSCRIPT)).stdout)
    return replace(told, transcript=found.pop(TRANSCRIPT, ""), digests={**told.digests, **found})
