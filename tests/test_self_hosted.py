"""A Prefect server on PostgreSQL that is restarted, and a worker that is stopped, in the middle of a change."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.flows.support import STATE, hold, lock_of, starts, wait_until
from tests.sandbox import demo_run, vendor
from tests.sandbox.demo_processes import Processes
from tests.sandbox.prefect_server import ROOT, PrefectServer
from tests.sandbox.world import World

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not postgres.PROGRAMS.exists() and os.environ.get("CI") != "true", reason="apt-get install postgresql"
    ),
]
STEP = 6
"""Of the vendor's script: the old containers are gone."""
PARAMETERS = {"dry_run": False, "requested_by": "anna"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectServer]:
    """A server on PostgreSQL with the pool and a worker."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        tempfile.TemporaryDirectory(prefix="pg-") as data,
        tempfile.TemporaryDirectory(prefix="hosted-") as folder,
        postgres.database(Path(data)) as address,
    ):
        processes = Processes(Path(folder))
        server = PrefectServer(processes, database=address)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        try:
            server.start()
            server.wait()
            template = json.loads((ROOT / "flows" / "work-pool.json").read_text())
            server.post("/work_pools/", {"name": "on-premises", "type": "process", "base_job_template": template})
            server.start_worker("on-premises")
            # Before the environment count the settings of another test's server, which may be up in this process.
            with temporary_settings({PREFECT_API_URL: server.environment["PREFECT_API_URL"]}):
                yield server
        finally:
            processes.stop()


def run_of(server: PrefectServer, flow: str, parameters: dict[str, Any]) -> str:
    """Start a run of the cluster's own deployment; returns its id."""
    return str(demo_run.start(server, f"{flow}/sandbox", parameters)["id"])


def ended(server: PrefectServer, run: str) -> tuple[str, str]:
    """Wait for the run's end; its state and message."""
    final = demo_run.follow(server, run, 300, lambda _: None)
    return final["state_type"], final["state"]["message"] or ""


def script_ended(world: World) -> bool:
    """Whether every script that was started has ended."""
    states = list(world.control.path(f"{STATE}/runs").glob("*/state.json"))
    return bool(states) and all(json.loads(state.read_text())["state"] == "finished" for state in states)


def test_a_server_and_a_worker_that_go_away(server: PrefectServer) -> None:
    """A finished change is not called failed; the change of a stopped worker is settled, with no row lost."""
    from tests.sandbox.saved_blocks import save

    with World(installed="24.8", history_rows=2_000, live_calls=True, live_rate=5) as world:
        save(world, "sandbox")
        server.start_cluster("sandbox")
        server.processes.finish("cluster", 180)

        hold(world, STEP)
        run = run_of(server, "upgrade-data-flow", PARAMETERS)
        wait_until(lambda: vendor.current_step(world.control) == STEP, "the script at its step", 300)
        began = time.monotonic()
        server.processes.end("prefect-server")
        vendor.let_go_on(world.control)
        wait_until(lambda: script_ended(world), "the script to end while the server is away")
        server.start()
        server.wait()
        print(f"the server was away for {time.monotonic() - began:.0f} s")
        state, said = ended(server, run)
        assert (state, starts(world)) == ("COMPLETED", 1), said
        print(said)

        hold(world, STEP)
        run = run_of(server, "recreate-data-flow", PARAMETERS)
        wait_until(lambda: vendor.current_step(world.control) == STEP, "the script at its step", 300)
        server.processes.end("prefect-worker")
        assert server.get(f"/flow_runs/{run}")["state_type"] == "RUNNING"  # and so for ever
        vendor.let_go_on(world.control)
        wait_until(lambda: script_ended(world), "the script to end")
        server.start_worker("on-premises")
        state, said = ended(server, run_of(server, "reconcile-data-flow", {}))
        assert (state, "left alone" in said, lock_of(world)["run"]) == ("COMPLETED", True, run), said
        crashed = {"state": {"type": "CRASHED", "name": "Crashed"}, "force": True}  # as close-silent-run does
        server.post(f"/flow_runs/{run}/set_state", crashed)
        state, said = ended(server, run_of(server, "reconcile-data-flow", {}))
        assert (state, "is closed" in said, lock_of(world)) == ("COMPLETED", True, {}), said
        world.wait_for_calls(3)
        assert world.missing_records() == {}
