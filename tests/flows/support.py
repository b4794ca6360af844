"""A change whose script is held at a step while something happens, and the same flow run retried as the UI does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from tests.flows.conftest import Run, read_run
from tests.sandbox import vendor
from tests.sandbox.world import World

STATE = "/var/lib/dataflow-flows"
ENTRYPOINT = "flows.install.install_data_flow"
PREPARATIONS = ("whitelist", "token", "ssh-key", "pull-image")
AT_THE_END = 99
"""A step behind the last one: everything is up, and the script still runs."""


def hold(world: World, step: int, how: str = "hang") -> None:
    """Let the script stop at this step, and count how often it is started."""
    script = f"{vendor.FOLDER}/dataflow.sh"
    shebang, rest = world.control.path(script).read_text().split("\n", 1)
    if "sandbox-starts" not in rest:
        rest = f'echo start >>"$SANDBOX_ROOT/run/sandbox-starts"\n{rest}\nbegin {AT_THE_END}\n'
        world.control.write(script, f"{shebang}\n{rest}", 0o755)
    world.control.path("/run/sandbox-go-on").unlink(missing_ok=True)  # of a script that was held before
    vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=step, FAIL_HOW=how)


def starts(world: World) -> int:
    """How often the script was started."""
    place = world.control.path("/run/sandbox-starts")
    return len(place.read_text().split()) if place.exists() else 0


def wait_until(true: Callable[[], Any], what: str, seconds: float = 180) -> None:
    """Wait until it is true, also on a machine with a lot else to do; raises with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s: {what}"
        time.sleep(0.02)


def wait_for_step(world: World, step: int) -> None:
    """Wait until the script has come to this step."""
    wait_until(lambda: vendor.current_step(world.control) == step, f"the script at step {step}")


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread while the flow runs in this one; what fails there fails the test."""
    problems: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(200)
    assert not thread.is_alive()
    assert not problems, problems


def lock_of(world: World) -> dict[str, Any]:
    """The change lock as it stands on the control node; empty when there is none."""
    place = world.control.path(f"{STATE}/change.lock")
    said: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    return said


def job_of(world: World) -> dict[str, Any]:
    """The state of the script that the lock names."""
    place = world.control.path(f"{STATE}/runs/{lock_of(world)['script']}/state.json")
    wait_until(place.exists, "the state of the script, which is written beside its first steps")
    said: dict[str, Any] = json.loads(place.read_text())
    return said


def completed_with_one_start(world: World, run: Run) -> None:
    """The service is there, the script ran once, and nothing is held any more."""
    assert run.ended == "COMPLETED", run.message
    assert starts(world) == 1, run.report
    assert lock_of(world) == {}
    assert [c.running for c in world.engine.containers] == [True, True]


class FlowRun:
    """One run of a flow by a deployment, which can be carried out again and again under the same id."""

    def __init__(self, block: Any, *, entrypoint: str = ENTRYPOINT, **parameters: Any) -> None:
        from prefect.client.orchestration import get_client

        module, _, name = entrypoint.rpartition(".")
        self._flow, self._entrypoint = getattr(import_module(module), name), entrypoint
        reference = {"$ref": {"block_document_slug": f"data-flow-cluster/{block.name}"}}
        for_real = {"dry_run": False} if "dry_run" in self._flow.parameters.properties else {}
        stored = {"cluster": reference, **for_real, "requested_by": "a test", **parameters}
        self._parameters = {**stored, "cluster": block}
        with get_client(sync_client=True) as client:
            flow_id = client.create_flow(self._flow)
            # Prefect's check of a deployment does not know `$ref`, see prefect.yaml.
            settings: dict[str, Any] = {"entrypoint": entrypoint, "enforce_parameter_schema": False}
            deployment = client.create_deployment(flow_id, "tests", **settings)
            self.id: UUID = client.create_flow_run_from_deployment(deployment, parameters=stored).id

    def carry_out(self, block: Any = None) -> Run:
        """Run it here, perhaps with a changed block."""
        from prefect.client.orchestration import get_client
        from prefect.flow_engine import run_flow

        with get_client(sync_client=True) as client:
            flow_run = client.read_flow_run(self.id)
        parameters = {**self._parameters, **({"cluster": block} if block else {})}
        run_flow(self._flow, flow_run=flow_run, parameters=parameters, return_type="state")
        return self.read()

    def retry(self, block: Any = None) -> Run:
        """Press Retry in the UI, and carry it out here."""
        self.press_retry()
        return self.carry_out(block)

    def press_retry(self) -> None:
        """What the UI's Retry does; somebody has to carry it out."""
        from prefect.client.orchestration import get_client
        from prefect.states import AwaitingRetry

        with get_client(sync_client=True) as client:
            client.set_flow_run_state(self.id, AwaitingRetry())

    def crashed(self) -> None:
        """Say that its process is gone, as the automation for lost heartbeats does."""
        from prefect.client.orchestration import get_client
        from prefect.states import Crashed

        with get_client(sync_client=True) as client:
            client.set_flow_run_state(self.id, Crashed(message="no heartbeat"))

    @contextmanager
    def process(self, server: str) -> Iterator[subprocess.Popen[bytes]]:
        """Carry it out in a process of its own, as a worker does; what is left of that is killed."""
        environment = {**os.environ, "PREFECT_API_URL": server, "PREFECT__FLOW_ENTRYPOINT": self._entrypoint}
        words = [sys.executable, "-m", "prefect.engine", str(self.id)]
        nothing = subprocess.DEVNULL
        with subprocess.Popen(words, env=environment, stdin=nothing, stdout=nothing, stderr=nothing) as process:
            try:
                yield process
            finally:
                process.kill()

    def read(self) -> Run:
        """What the run left in Prefect; the report is that of its last attempt."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import ArtifactFilter
        from prefect.client.schemas.sorting import ArtifactSort

        only = ArtifactFilter.model_validate({"flow_run_id": {"any_": [str(self.id)]}})
        with get_client(sync_client=True) as client:
            run = read_run(client.read_flow_run(self.id).state)
            artifacts = client.read_artifacts(artifact_filter=only, sort=ArtifactSort.CREATED_DESC)
        run.report = next((str(a.data) for a in artifacts if (a.key or "").startswith("report-")), "")
        return run


def quick_block(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cluster's block, with a follower that asks often and soon takes a silent last line for a question."""
    from flows.tasks.pull import pull_images
    from tests.sandbox.saved_blocks import cluster_block

    monkeypatch.setattr("flows.install.pull_images", pull_images.with_options(retry_delay_seconds=0))
    monkeypatch.setattr("flows.tasks.script.FOLLOW_WAIT", 0.5)
    monkeypatch.setattr("flows.tasks.script.PROMPT_AFTER", 0.5)
    return cluster_block(world, "sandbox")


def impatient_block(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same, with a follower that gives a frozen or refused link up early."""
    for name, seconds in {"ANSWER": 3, "RECONNECT": 0.1}.items():
        monkeypatch.setattr(f"flows.tasks.script.FOLLOW_{name}", seconds)
    whole = quick_block(world, monkeypatch)
    control = whole.control.model_copy(update={"connect_timeout": 4, "command_timeout": 20})
    return whole.model_copy(update={"control": control})
