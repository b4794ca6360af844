"""A script that prints far more than anybody reads: bounded in Prefect, whole on pbx01, its digest in the record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter
from prefect.client.schemas.sorting import LogSort

from flows.core.numbers import LAST_LOG_LINES, MOST_LOG_LINES
from tests.flows.audit_support import logged
from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.stories.serving import control

LINES = 30_000


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster whose service runs, and whose script prints a lot before it does anything."""
    with World(history_rows=2_000, installed="25.8") as world:
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
        shebang, rest = script.read_text().split("\n", 1)
        script.write_text(f"{shebang}\nseq -f 'layer %.0f' {LINES}\n{rest}")
        yield world


def shown(run: str) -> list[str]:
    """What Prefect's log has of the script, in order, with the reader's own words about it."""
    only, found = LogFilter.model_validate({"flow_run_id": {"any_": [run]}}), []
    with get_client(sync_client=True) as client:
        while page := client.read_logs(only, limit=200, offset=len(found), sort=LogSort.TIMESTAMP_ASC):
            found += [log.message for log in page]
    return [message for message in found if message.startswith("pbx01 |") or "left out here" in message]


def test_the_log_is_bounded_and_the_transcript_whole(world: World, cluster: Any) -> None:
    """The first lines, the last ones, and between them how many are left out and where all are."""
    run = control(cluster, "restart")
    assert run.ended == "COMPLETED", run.message
    (record,) = logged(world)
    assert record.script is not None
    transcript = world.control.path(f"{record.script.folder}/log").read_bytes()
    lines = transcript.decode().splitlines()
    assert lines[:LINES] == [f"layer {number}" for number in range(1, LINES + 1)]
    assert (record.script.lines, record.script.sha256) == (len(lines), hashlib.sha256(transcript).hexdigest())
    assert f"The whole transcript ({len(lines):,} lines, secrets masked) is `{record.script.folder}/log`" in run.report
    log = shown(run.id)
    assert log[:MOST_LOG_LINES] == [f"pbx01 | {line}" for line in lines[:MOST_LOG_LINES]]
    assert log[-LAST_LOG_LINES:] == [f"pbx01 | {line}" for line in lines[-LAST_LOG_LINES:]]
    left_out = len(lines) - MOST_LOG_LINES - LAST_LOG_LINES
    where = f"{record.script.folder}/log on pbx01"
    assert log[-LAST_LOG_LINES - 1] == f"{left_out:,} of {len(lines):,} lines are left out here; all are in {where}."
    assert len(log) <= MOST_LOG_LINES + LAST_LOG_LINES + 10
