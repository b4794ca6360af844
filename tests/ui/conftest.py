"""Everything that the stories in the browser share: one server, worker, cluster in a box and browser for all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import demo_run, vendor
from tests.sandbox.demo_processes import Processes
from tests.sandbox.prefect_server import ROOT, PrefectServer
from tests.sandbox.world import World

HERE = Path(__file__).parent
SECONDS = 300.0
"""That one run may take."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with these: in one process they share a desk, and what comes last may be spread over all."""
    items.sort(key=lambda item: HERE not in item.path.parents)


@dataclass
class Desk:
    """Where the administrator sits."""

    server: PrefectServer
    world: World
    browser: Any

    def deployment(self, flow: str) -> str:
        """The id of the cluster's own deployment of this flow."""
        return str(self.server.get(f"/deployments/name/{flow}/box")["id"])

    def newest_run(self, deployment: str) -> str:
        """The id of the last run that was started by this deployment."""
        body = {"deployments": {"id": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        return str(self.server.post("/flow_runs/filter", body)[0]["id"])

    def run_shown(self) -> dict[str, Any]:
        """The run whose page is open."""
        shown: dict[str, Any] = self.server.get(
            f"/flow_runs/{self.browser.page.url.rpartition('/')[2].partition('?')[0]}"
        )
        return shown

    def run_here(self) -> dict[str, Any]:
        """Wait until the run whose page is open ends or asks, with its page closed, which asks all the time."""
        run = str(self.run_shown()["id"])
        self.browser.page.goto("about:blank")
        final = demo_run.follow(self.server, run, SECONDS, lambda _: None)
        self.browser.open(f"/runs/flow-run/{run}")
        self.browser.see(final["name"])
        return final


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """A server with the work pool and the types of our blocks, but no block; a worker; a cluster; a browser.

    Ended with its module: while Playwright's event loop runs here, Prefect takes every other test for asynchronous.
    """
    if not shutil.which("chromium") and os.environ.get("CI") != "true":
        pytest.skip("apt-get install chromium")
    from tests.ui.browser import browser

    with tempfile.TemporaryDirectory(prefix="ui-", ignore_cleanup_errors=True) as folder:
        processes = Processes(Path(folder))
        server = PrefectServer(processes)
        try:
            server.start()
            with World(history_rows=2_000, live_calls=True, live_rate=5) as world:
                vendor.settle(world.control, SECONDS_PER_STEP=0)
                server.wait()
                template = json.loads((ROOT / "flows" / "work-pool.json").read_text())
                server.post("/work_pools/", {"name": "on-premises", "type": "process", "base_job_template": template})
                words = [sys.executable, "-m", "prefect", "block", "register", "-m", "blocks.cluster"]
                processes.start("register", words, server.environment, cwd=ROOT)
                server.start_worker("on-premises")
                processes.finish("register", 180)
                with browser(server.url) as sitting:
                    yield Desk(server, world, sitting)
        finally:
            processes.stop()


@pytest.fixture(autouse=True)
def last_seen(desk: Desk, request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep what the page showed when a story ended, however that was."""
    yield
    desk.browser.picture(f"at-the-end-of-{request.node.name.removeprefix('test_')}", whole=True)
