"""Audit past changes: what Prefect, the audit logs and the hosts tell, joined, and where they do not agree."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.core.audit.asked import CHANGES, Asked, Gathered, audited
from flows.core.audit.ending import End
from flows.core.audit.kept import head_rows
from flows.core.audit.page import MOST_RUNS, markdown
from flows.core.audit.sheet import Audit, every_run
from flows.core.change import Told
from flows.core.findings import Level, errors, tally
from flows.forms import several, titled
from flows.tasks.audit_files import PAGE, folder_of, load, write_files
from flows.tasks.gather import gather
from flows.tasks.past_artifacts import AUDITS
from flows.tasks.preflight import log_findings

Day = r"^(\d{4}-\d{2}-\d{2})?$"


@flow(name="audit-data-flow", flow_run_name="audit")
def audit_data_flow(
    clusters: Annotated[list[str], titled("Clusters")] = [],  # noqa: B006 - Prefect makes the form of it
    since: Annotated[str, titled("From", pattern=Day)] = "",
    until: Annotated[str, titled("Until", pattern=Day)] = "",
    kinds: Annotated[list[str], several("Kinds", CHANGES)] = [],  # noqa: B006
    outcomes: Annotated[list[str], several("Outcomes", End)] = [],  # noqa: B006
    folder: Annotated[str, titled("Folder")] = "",
) -> State[str]:
    """Tell what became of every past change, and whether all who know of it tell the same; nothing is changed anywhere.

    Joins the runs that Prefect knows with the chained audit log of each pbx01 and with what the vendor's script left on
    the hosts. Writes a page (HTML) and a table (CSV); fails when the sources do not agree, as when somebody touched a
    record, and completes under the name Warning where something is open.

    Args:
        clusters: Names of saved clusters; empty means all, also those whose block is gone.
        since: Show runs from this day on, in UTC, e.g. 2027-01-31; empty means from the beginning.
        until: Show runs until the end of this day; empty means until now.
        kinds: Show these kinds of changes; empty means all.
        outcomes: Show the runs that ended so; empty means all.
        folder: Folder of the worker in which each audit gets a folder of its own; empty means data-flow-audits in
            Prefect's home.
    """
    asked = Asked((*clusters,), since, until, (*kinds,), (*outcomes,))
    Thread(target=load).start()  # Prefect's server has to be waited for
    told: Told[Gathered] = gather(clusters, return_state=True).result()
    audit = audited(told.value, asked, time.time())
    log_findings(audit.findings)
    place = folder_of(folder, audit.made)
    problem = _write(place, audit)
    _store(audit, problem or f"Files: {place}")
    message = f"{audit.word}: {tally(audit.findings)}; {len(audit.past):,} runs; {problem or place / PAGE}"
    if problem or errors(audit.findings):
        return Failed(message=message)
    return Completed(name="Warning" if _warns(audit) else None, message=message, data=None)


def _write(place: Path, audit: Audit) -> str:
    """Write the files; returns what went wrong, for the audit itself is worth more than its files."""
    try:
        names = write_files(place, audit)
    except OSError as error:
        return f"the files could not be written to {place}: {error.strerror or error}"
    get_run_logger().info("Written to %s: %s", place, ", ".join(names))
    return ""


def _store(audit: Audit, where: str) -> None:
    create_markdown_artifact(f"{markdown(audit)}\n{where}\n", key="audit", description=audit.word)
    sheet = every_run(audit.past[-MOST_RUNS:])
    rows = [dict(zip(sheet.header, row, strict=True)) for row in sheet.rows]
    create_table_artifact(rows, key="audit-runs", description=f"{len(rows):,} of {len(audit.past):,} runs")
    # Of a log that was touched nothing may be vouched for later.
    whole = [(log.cluster, log.proof.head) for log in audit.logs if log.proof and log.proof.intact]
    heads = [(cluster, head) for cluster, head in whole if head]
    create_table_artifact(head_rows(heads), key=AUDITS, description="heads of the audit logs, for later audits")


def _warns(audit: Audit) -> bool:
    return any(finding.level is Level.WARNING for finding in audit.findings)
