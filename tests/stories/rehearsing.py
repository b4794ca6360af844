"""Rehearsing an upgrade on real engines: it says beforehand what the upgrade would say, and the service notices nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.flows.support import STATE, lock_of
from tests.sandbox.world import World
from tests.stories.words import DATA, begin, both, carry_out, history, identities, nothing_is_lost, running
from tests.stories.worlds import Wanted, in_world

REHEARSED = Wanted(shared="rehearsed", installed="24.8", live_calls=True)
COPIES = "/var/lib/portsip/.dataflow-rehearsal"


def rehearse(cluster: Any, **parameters: Any) -> Run:
    """Rehearse the upgrade to the block's ClickHouse, however busy the machine of the tests is."""
    from flows.rehearse import rehearse_upgrade_data_flow

    lowered = ["rehearsal.server-busy"]
    state = rehearse_upgrade_data_flow(
        cluster, **{"requested_by": "a test", "lowered": lowered, **parameters}, return_state=True
    )
    from tests.flows.conftest import read_run

    return read_run(state)


@in_world(REHEARSED)
def test_a_rehearsal_passes_while_calls_come_in(world: World, cluster: Any) -> None:
    begin(world)
    ids = identities(world)
    run = rehearse(cluster)
    print(run.message)
    print(run.report)
    print(run.logs)
    assert run.ended == "COMPLETED", run.message
    nothing_is_lost(world)
