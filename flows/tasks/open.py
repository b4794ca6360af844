"""Opens a change: its folder on the control node, with what it replaces and what it aims at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import task

from blocks.cluster import DataFlowCluster
from flows.core.change import Outcome, Told
from flows.core.change_state import ChangeState, Image, Images, Phase
from flows.core.findings import Finding, errors, lower
from flows.core.fit import PBX_UPGRADED, misfits
from flows.core.installed import service
from flows.core.preflight.rehearse import pulled_unrehearsed
from flows.core.replace import running_images
from flows.errors import PreflightFailed
from flows.tasks.change_state import read_state, write_state
from flows.tasks.look_docker import look_docker
from flows.tasks.policy import LOOK, told
from flows.tasks.preflight import log_findings
from flows.tasks.rehearsal_record import read_rehearsals


@task(name="open-change", task_run_name="open-change", **LOOK)
def open_change(
    cluster: DataFlowCluster,
    wanted: ChangeState,
    references: Sequence[str],
    pbx_version: str | None,
    lowered: Sequence[str],
    require_rehearsal: int = 0,
) -> Told[ChangeState]:
    """Read this change's state where it has one, else write the first; refuse images that do not fit.

    `references` are the PBX image and ClickHouse's, pulled before; `require_rehearsal` is how many days old one of
    ClickHouse's may be (0: none is asked for). Raises `PreflightFailed`: nothing was stopped.
    """
    with cluster.control.get_client(name="pbx01") as control:
        held = read_state(control, wanted.id)
        if held is not None and held.new is not None:
            state = _joined(held, wanted)
            write_state(control, state)
            return told(Outcome("open-change", None, f"going on with {held.id}, which came to: {held.phase}"), state)
        with cluster.server.get_client(name="server") as ssh:
            there = service(look_docker(cluster, ssh), cluster.data_path)
            # By id as well: the tag that a container was made from may mean the new image by now.
            docker = look_docker(cluster, ssh, [*references, *(c.image_id for c in there.containers)])
        images = {image.reference: image for image in docker.images or ()}
        pulled = [images.get(reference) for reference in references]
        new = Images(
            *(
                Image(reference, i.id if i else "", next(iter(i.digests), "") if i else "", i.version if i else "")
                for reference, i in zip(references, pulled, strict=True)
            )
        )
        old = running_images(there, {image.id: image.version for image in docker.images or ()})
        days, rehearsals = require_rehearsal, read_rehearsals(control) if require_rehearsal else ()
        found = (*_misfits(wanted, old, new, pbx_version), *pulled_unrehearsed(rehearsals, old, new, days, time.time()))
        _refuse(cluster.name, lower(found, lowered))
        state = replace(wanted, old=old, new=new)
        write_state(control, state)
    return told(Outcome("open-change", None, f"from {_said(old)} to {_said(new)}"), state)


def advance(cluster: DataFlowCluster, state: ChangeState, phase: Phase, **known: Any) -> ChangeState:
    """Write how far the change came, and what became known, into its folder."""
    state = replace(state, phase=phase if phase.reached(state.phase) else state.phase, **known)
    with cluster.control.get_client(name="pbx01") as control:
        write_state(control, state)
    return state


def current(cluster: DataFlowCluster, change: str) -> ChangeState | None:
    """The state of a change as it is stored now."""
    with cluster.control.get_client(name="pbx01") as control:
        return read_state(control, change)


def _joined(held: ChangeState, wanted: ChangeState) -> ChangeState:
    """The stored state, with this run among those that worked at it."""
    runs = tuple(dict.fromkeys((*held.runs, *wanted.runs)))
    return replace(held, runs=runs, on_failure=wanted.on_failure)


def _misfits(wanted: ChangeState, old: Images | None, new: Images, pbx_version: str | None) -> tuple[Finding, ...]:
    same = wanted.kind == "recreate" and not wanted.reason.startswith(PBX_UPGRADED)
    return misfits(old if same else None, new, pbx_version)


def _refuse(where: str, found: Sequence[Finding]) -> None:
    log_findings(found)
    if refusing := errors(found):
        said = "; ".join(f"{f.id}: {f.message}" for f in refusing)
        hint = f"{refusing[0].hint} Nothing was stopped."
        raise PreflightFailed(where, "looking at the pulled images", said, hint)


def _said(images: Images | None) -> str:
    if images is None:
        return "nothing complete"
    pair = (images.pbx, images.clickhouse)
    return " and ".join(f"{i.reference} ({i.version})" if i.version else i.reference for i in pair)
