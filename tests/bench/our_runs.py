"""Our health checks as a worker starts them: a process for each run, on a Prefect server that is up."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.meter import spent
from tests.bench.rounds import Figures
from tests.bench.servers import Servers

ONE, ALL = "flows.health.check_data_flow_health", "flows.health.check_all_data_flow_health"


class RunFailed(Exception):
    """A run of ours did not end as it should."""


class OurRuns:
    """Makes runs of both checks, starts them and reads how they ended."""

    def __init__(self, servers: Servers) -> None:
        self._prefect, self._environment = servers.prefect, servers.environment
        names = {ONE: "check-data-flow-health", ALL: "check-all-data-flow-health"}
        self._deployments = {entry: self._deploy(entry, name) for entry, name in names.items()}

    def of_all(self, names: Sequence[str]) -> Figures:
        """One run for all; `names` are then all that are saved."""
        run = self._make(ALL, {})
        figures = self._carry_out(ALL, run)
        self._ended_well(run, f"ok: {len(names)} ok of {len(names)} clusters")
        return figures

    def of_each(self, names: Sequence[str]) -> Figures:
        """A run for each, all started at once: the CPU of all of them, the memory of the largest."""
        slug = "data-flow-cluster"
        runs = [self._make(ONE, {"cluster": {"$ref": {"block_document_slug": f"{slug}/{name}"}}}) for name in names]
        began = time.perf_counter()
        with ThreadPoolExecutor(len(runs)) as pool:
            found = list(pool.map(lambda run: self._carry_out(ONE, run), runs))
        took = time.perf_counter() - began
        for run in runs:
            self._ended_well(run, "ok: no critical, no warning")
        busy, peak = sum(each["cpu_seconds"] for each in found), max(each["peak_mib"] for each in found)
        return {"seconds": took, "cpu_seconds": busy, "peak_mib": peak}

    def imports(self, words: str) -> Figures:
        """What a process takes that only does this much of it."""
        return spent([sys.executable, "-c", words], self._environment)[0]

    def _deploy(self, entry: str, name: str) -> str:
        flow = self._prefect.post("/flows/", {"name": name})["id"]
        body = {"name": "bench", "flow_id": flow, "entrypoint": entry, "enforce_parameter_schema": False}
        return str(self._prefect.post("/deployments/", body)["id"])

    def _make(self, entry: str, parameters: Mapping[str, Any]) -> str:
        path = f"/deployments/{self._deployments[entry]}/create_flow_run"
        return str(self._prefect.post(path, {"parameters": parameters, "state": {"type": "PENDING"}})["id"])

    def _carry_out(self, entry: str, run: str) -> Figures:
        environment = {**self._environment, "PREFECT__FLOW_ENTRYPOINT": entry}
        return spent([sys.executable, "-m", "prefect.engine", run], environment)[0]

    def _ended_well(self, run: str, said: str) -> None:
        state = self._prefect.get(f"/flow_runs/{run}")["state"]
        if state["type"] != "COMPLETED" or not str(state["message"]).startswith(said):
            raise RunFailed(f"{state['type']}: {state['message']}")
