"""How long a health check takes: `python -m tests.bench.health_seconds`.

Promised: at most 3 s from the flow's start to its final state, as Prefect notes both. Each check runs in a process of
its own, as a worker's does, so nothing is warm but the Prefect server and the sandbox; both share this machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import tests.conftest  # noqa: F401 - a Prefect home of its own, before anything imports Prefect
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.world import World

TRIES = 7
ENTRYPOINT = "flows.health.check_data_flow_health"


def one_check(server: str) -> float:
    """Seconds from the flow's start to its final state, in a new process."""
    from prefect.client.orchestration import get_client

    from flows.health import check_data_flow_health

    parameters = {"cluster": {"$ref": {"block_document_slug": "data-flow-cluster/sandbox"}}}
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(check_data_flow_health)
        deployment = client.create_deployment(flow_id, "bench", entrypoint=ENTRYPOINT, enforce_parameter_schema=False)
        run = client.create_flow_run_from_deployment(deployment, parameters=parameters)
        environment = {**os.environ, "PREFECT_API_URL": server, "PREFECT__FLOW_ENTRYPOINT": ENTRYPOINT}
        words = [sys.executable, "-m", "prefect.engine", str(run.id)]
        subprocess.run(words, env=environment, check=True, capture_output=True)
        ended = client.read_flow_run(run.id)
    assert ended.state is not None and ended.start_time and ended.end_time, ended.state
    assert ended.state.is_completed(), ended.state.message
    return float((ended.end_time - ended.start_time).total_seconds())


def parts(world: World) -> dict[str, Callable[[], Any]]:
    """What the look asks at the same time, each alone and warm."""
    from flows.tasks import health
    from tests.sandbox.saved_blocks import cluster_block

    cluster = cluster_block(world, "sandbox")
    return {
        "pbx01": lambda: health._control(cluster),
        "server": lambda: health._server(cluster),
        "PBX": lambda: health.look_pbx(cluster),
        "certificate": cluster.pbx.certificate_end,
    }


def seconds(work: Callable[[], Any]) -> float:
    """The median of several tries, after one that is not counted."""
    taken = []
    for _ in range(TRIES + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def main() -> None:
    """Measure on a service that runs for long, and print the figures."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120), World(installed="25.8", history_rows=20_000) as world:
        world.pbx.version = OLD_PBX
        world.save_blocks("sandbox")
        taken = [one_check(str(PREFECT_API_URL.value())) for _ in range(TRIES + 1)]
        print(f"first check {taken[0]:.2f} s, then median {statistics.median(taken[1:]):.2f} s, ", end="")
        print(f"slowest {max(taken[1:]):.2f} s")
        for name, work in parts(world).items():
            print(f"  {name:<12} {seconds(work):.2f} s")


if __name__ == "__main__":
    sys.exit(main())
