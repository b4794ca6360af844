"""What a run knows about itself, kept up to date so that a report is left however it ends (promise P6)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, overload
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.settings import PREFECT_UI_URL
from pydantic import BaseModel

from blocks.cluster import DataFlowCluster
from flows.core.audit.chain import digest
from flows.core.audit.make import Told as Known
from flows.core.change import ChangeLock, Order, Outcome, Told
from flows.core.change_state import ChangeState
from flows.core.report import Report, Timed, markdown, summary
from flows.core.words import utc
from flows.errors import ChangeLocked, PreflightFailed, ScriptFailed, ScriptStillRunning
from flows.tasks.record import keep_record, prefect_tells, write_record
from flows.tasks.secrets import secrets_of

T = TypeVar("T")


class Recorded:
    """One run: its identity, and the report that grows with it; `unfinished` while the service may be half changed."""

    def __init__(self, order: Order) -> None:
        self.id = str(runtime.flow_run.id)
        self.attempt = int(runtime.flow_run.run_count or 1)
        self.report = Report(order, str(runtime.flow_run.name), page(f"runs/flow-run/{self.id}"), time.time())
        self.unfinished = False
        # Asked at the start: at the end Prefect's server may be away, and the log on pbx01 is written all the same.
        self.known = replace(prefect_tells(self.id), attempt=self.attempt)

    @property
    def summary(self) -> str:
        """One line for the run's state."""
        return summary(self.report)

    def note(self, **known: Any) -> None:
        """Add what became known."""
        self.report = replace(self.report, **known)

    def rename(self, name: str) -> None:
        """Call the run what it does; a run that keeps its first name is none the worse for it."""
        try:
            with get_client(sync_client=True) as client:
                client.set_flow_run_name(UUID(self.id), name)
            self.note(run_name=name)
        except Exception as error:
            get_run_logger().warning("The run could not be renamed to %r: %s", name, error)

    @property
    def folder(self) -> str:
        """Name of the run folder on the control node; each attempt of a run that is retried has its own."""
        return f"{self.id}-{self.attempt}"

    def begin(self, lock: ChangeLock, **known: Any) -> ChangeState:
        """The state of the change under this lock as this run begins it; `known` adds to that."""
        order = self.report.order
        begun = ChangeState(
            id=lock.change or self.folder,
            kind=order.kind,
            cluster=order.cluster,
            target=lock.target,
            runs=(self.id,),
            started=utc(self.report.started),
            requested_by=order.requested_by,
            ticket=order.ticket,
            reason=order.reason,
            on_failure=order.on_failure,
        )
        return replace(begun, **known)

    @overload
    def step(self, name: str, call: Callable[[], Told[T]]) -> T: ...
    @overload
    def step(self, name: str, call: Callable[[], T]) -> T: ...
    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Make a step and note how it ended and how long it took; returns what it yields."""
        began, outcome = time.monotonic(), None
        try:
            value = call()
            if isinstance(value, State):  # a task that ends with a message of its own hands out its whole state
                value = value.result()
            told = value.outcome if isinstance(value, Told) else value
            outcome = told if isinstance(told, Outcome) else Outcome(name, None, "done")
            return value.value if isinstance(value, Told) else value
        except (ScriptFailed, ScriptStillRunning) as error:
            self.note(transcript=error.transcript or self.report.transcript)
            raise
        finally:
            self.note(steps=(*self.report.steps, Timed(name, outcome, time.monotonic() - began)))


@contextmanager
def recorded(cluster: DataFlowCluster, order: Order) -> Iterator[Recorded]:
    """Record a run and publish its report at the end, whichever way it ends."""
    run = Recorded(order)
    try:
        yield run
        if run.report.result == "running":
            run.note(result="dry run" if order.dry_run else "done")
    except Pause:  # it waits for an answer, and has said so
        raise
    except BaseException as error:
        problem = redact_values(str(error) or type(error).__name__, cluster)
        run.note(result=_word(error), problem=problem)
        try:
            publish(run, cluster)
        except Exception as unpublished:  # must not hide what the run failed of
            get_run_logger().error("The report could not be stored: %s", unpublished)
        raise
    publish(run, cluster)


def page(path: str) -> str:
    """The address of a page of the UI, "" where the server has none; Prefect's own `ui_url` opens the old UI."""
    return f"{PREFECT_UI_URL.value()}/v2/{path}" if PREFECT_UI_URL.value() else ""


def publish(run: Recorded, cluster: DataFlowCluster) -> str:
    """Leave the run's record and report; returns the address of the report's page."""
    run.note(ended=time.time())
    # What only looks after others every few minutes must not bury the report of the last change.
    prefix = "reconcile" if run.report.order.kind == "reconcile" else "report"
    return leave(run.report, cluster, run.known, prefix)


def leave(report: Report, cluster: DataFlowCluster, known: Known, prefix: str = "report") -> str:
    """Leave the record in the audit log, then report and record as artifacts of this run, all redacted by value.

    Prefix and cluster make the report's key; returns the address of its page.
    """
    text = redact_values(markdown(report), cluster)
    record = head = None
    if _worth(report):
        known = replace(known, digests={"report.md": digest(text)})
        record, head = write_record(cluster, report, known, lambda said: redact_values(said, cluster))
    description = f"{report.order.kind} {cluster.name}: {report.result}"
    artifact = create_markdown_artifact(text, key=artifact_key(prefix, cluster), description=description)
    if record is not None:
        keep_record(artifact_key("record", cluster), record, head)
    return page(f"artifacts/artifact/{artifact}")


def _worth(report: Report) -> bool:
    """Whether a run leaves a record: reconciling looks every few minutes, and mostly that is all."""
    if report.order.kind != "reconcile" or any(t.outcome and t.outcome.changed for t in report.steps):
        return True
    return report.result != "done" and report.order.on_failure == "recover"


def artifact_key(prefix: str, cluster: DataFlowCluster) -> str:
    """The stable key of an artifact of this cluster, in the characters that Prefect allows."""
    return f"{prefix}-" + (re.sub(r"[^a-z0-9]+", "-", cluster.name.lower()).strip("-") or "cluster")


def redact_values(text: str, *blocks: BaseModel) -> str:
    """Take the blocks' secrets out of a text that has been read by patterns already."""
    for secret in sorted(secrets_of(*blocks), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _word(error: BaseException) -> str:
    if isinstance(error, PreflightFailed | ChangeLocked):
        return "refused"
    if isinstance(error, ScriptStillRunning):
        return "the script is still running"
    return "failed" if isinstance(error, Exception) else "cancelled"
