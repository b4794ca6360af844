"""A worker is stopped only when nothing runs, on a real Prefect server."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed, Pending, Running, Suspended

from flows.operating.drain import at_work, main
from tests.flows.support import wait_until
from tests.sandbox.prefect_server import free_port

POOL = "to-drain"
UNIT = Path(__file__).parents[1] / "flows" / "operating" / "server" / "prefect-worker.service"


@pytest.fixture
def client(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a server that has the pool; quiet is a moment only."""
    monkeypatch.setattr("flows.operating.drain.DRAIN_POLL", 0.05)
    monkeypatch.setattr("flows.operating.drain.DRAIN_QUIET", 0.3)
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        yield client


@pytest.fixture
def start(client: SyncPrefectClient) -> Callable[[Any], UUID]:
    """Have a run of the pool in this state."""
    flow_id = client.create_flow_from_name("any")
    deployment = client.create_deployment(flow_id, "any", work_pool_name=POOL)
    return lambda state: client.create_flow_run_from_deployment(deployment, state=state).id


def test_it_waits_for_what_runs_and_lets_nothing_begin(
    client: SyncPrefectClient, start: Callable[[Any], UUID], capsys: pytest.CaptureFixture[str]
) -> None:
    """What waits for an approval is not at work; afterwards the pool is resumed."""
    runs = [start(Running()), start(Pending())]
    start(Suspended(timeout_seconds=3600))
    codes: list[int] = []
    drain = threading.Thread(target=lambda: codes.append(main(["--pool", POOL])), daemon=True)
    drain.start()
    wait_until(lambda: client.read_work_pool(POOL).is_paused, "the pause")
    for run in runs:
        assert drain.is_alive()
        assert at_work(client, POOL)
        client.set_flow_run_state(run, Completed(), force=True)
    drain.join(30)
    assert codes == [0]
    assert capsys.readouterr().out.endswith("nothing runs any more\n")
    assert main(["--pool", POOL, "--resume"]) == 0
    assert not client.read_work_pool(POOL).is_paused


def test_it_says_what_still_runs_when_its_time_is_over(
    client: SyncPrefectClient, start: Callable[[Any], UUID], capsys: pytest.CaptureFixture[str]
) -> None:
    """With an exit code of its own, so that systemd's log has it."""
    run = start(Running())
    assert main(["--pool", POOL, "--at-most", "0.2"]) == 1
    assert f"after 0 s still at work: {client.read_flow_run(run).name}" in capsys.readouterr().out
    client.set_flow_run_state(run, Completed(), force=True)  # the other test may come after this one


def test_a_server_that_is_away_is_waited_for() -> None:
    """It may be restarted at the same time; nothing is known of the runs meanwhile, so nothing may be stopped."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        assert at_work(SyncPrefectClient(f"http://127.0.0.1:{free_port()}/api"), POOL) is None


def test_after_the_drain_the_unit_asks_the_worker_to_end_and_waits_for_it() -> None:
    """With nobody to ask it is content; the shell's own words are what systemd would run."""
    drains, asks = (line for line in UNIT.read_text().splitlines() if line.startswith("ExecStop="))
    assert "flows.operating.drain" in drains
    words = shlex.split(asks.removeprefix("ExecStop="))
    subprocess.run(words, env={**os.environ, "MAINPID": ""}, check=True, timeout=60)
    with subprocess.Popen(["sleep", "300"]) as worker:
        waiting = threading.Thread(target=worker.wait)  # else it stays as a zombie, which is waited for
        waiting.start()
        subprocess.run(words, env={**os.environ, "MAINPID": str(worker.pid)}, check=True, timeout=60)
        waiting.join()
    assert worker.returncode == -15
