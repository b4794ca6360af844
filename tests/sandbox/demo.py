"""`make demo`: the main jobs for real, through a Prefect server and worker of its own, on a cluster in a box.

Installs Data Flow with ClickHouse 24.8, lets calls come in, rehearses the upgrade to 25.8, upgrades, recreates and
audits, each as its own run. On a terminal everything stays up until Ctrl-C, for a look at the UI; else the demo ends
with the runs' exit status. Nothing that it started is left afterwards, however it ends; what it wrote for you to read
is the audit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tests.sandbox import demo_run
from tests.sandbox.demo_processes import DemoFailed, Processes
from tests.sandbox.prefect_server import ROOT, PrefectServer

if TYPE_CHECKING:
    from tests.sandbox.world import World

POOL = "on-premises"
OLDER, NEWER = "portsip/clickhouse:24.8", "portsip/clickhouse:25.8"
PARAMETERS = {"requested_by": "the demo"}
MORE: dict[str, dict[str, object]] = {
    "install-data-flow": {"dry_run": False},
    "rehearse-upgrade-data-flow": {"lowered": ["rehearsal.server-busy"]},  # the machine of a demo may be
    "upgrade-data-flow": {"dry_run": False, "require_rehearsal": 1},
    "recreate-data-flow": {"dry_run": False, "reason": "other", "explanation": "to see how it works"},
}
AUDITS = ROOT / "demo-audits"
"""Where the audit's files go, which stay when everything else goes (`make clean` removes them)."""
DEADLINE = 600.0
"""Seconds that one run may take."""

STARTED = time.monotonic()


class Stopped(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal; no `except Exception` on the way may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def tell(line: str) -> None:
    """Print one line with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {line}", flush=True)


def main() -> int:
    """Run the demo; the exit code is 0 when the flow run completed."""
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    processes = Processes(folder)
    signals = _Signals(processes)
    try:
        return _demo(processes)
    except Stopped as stopped:
        print(f"\nstopped by {signal.Signals(stopped.number).name}", flush=True)
        return 128 + stopped.number
    except DemoFailed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr, flush=True)
        return 1
    finally:
        signals.ending = True
        processes.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _demo(processes: Processes) -> int:
    server = PrefectServer(processes)
    # The sandbox saves its blocks from this process: the server must be known before Prefect is imported.
    os.environ.update(server.environment)
    tempfile.tempdir = str(processes.folder)
    tell("starting a Prefect server, and meanwhile the cluster in a box")
    server.start()
    from tests.sandbox.saved_blocks import save
    from tests.sandbox.world import World

    with World(live_calls=True) as world:
        tell("the cluster in a box is up")
        server.wait()
        tell(f"the Prefect server is up: {server.url}")
        template = json.loads((ROOT / "flows" / "work-pool.json").read_text())
        server.post("/work_pools/", {"name": POOL, "type": "process", "base_job_template": template})
        server.start_worker(POOL)
        server.start_deploy(ROOT / "prefect.yaml")
        save(world, "sandbox", clickhouse_image=OLDER)
        tell("the blocks are saved")
        server.start_cluster("sandbox")
        processes.finish("prefect-deploy", 180)
        processes.finish("cluster", 180)
        tell("the flows are deployed")
        status = _runs(server, world)
        if sys.stdin.isatty() and sys.stdout.isatty():
            print("\nEverything stays up until Ctrl-C.", flush=True)
            _stay(server)
        return status


def _runs(server: PrefectServer, world: World) -> int:
    """Install, take calls, rehearse, upgrade, recreate, audit; the first run that does not complete is the last."""
    from tests.sandbox.saved_blocks import save

    if status := _run(server, "install-data-flow"):
        return status
    before = len(world.acknowledged())
    while len(world.acknowledged()) < before + 100:
        time.sleep(0.1)
    tell(f"{len(world.acknowledged()):,} calls came in and were acknowledged; more come in all the time")
    save(world, "sandbox", clickhouse_image=NEWER)
    tell(f"the administrator names {NEWER} in the block")
    status = _run(server, "rehearse-upgrade-data-flow") or _run(server, "upgrade-data-flow")
    status = status or _run(server, "recreate-data-flow", whole=True)
    missing = world.missing_records()
    calls = len(world.acknowledged())
    print(f"calls    {calls:,} acknowledged by ClickHouse through all this, {len(missing):,} missing in it or doubled")
    return _audit(server) or status or int(bool(missing))


def _audit(server: PrefectServer) -> int:
    """Audit the runs of this demo; the message of its state says where the page is."""
    run = demo_run.start(server, "audit-data-flow/on-premises", {"folder": str(AUDITS)})
    tell("started audit-data-flow/on-premises")
    final = demo_run.follow(server, run["id"], DEADLINE, tell)
    print(f"audit    {final['state']['message']}", flush=True)
    return 0 if final["state_type"] == "COMPLETED" else 1


def _run(server: PrefectServer, flow: str, *, whole: bool = False) -> int:
    run = demo_run.start(server, f"{flow}/sandbox", PARAMETERS | MORE[flow])
    page = f"{server.url}/v2/runs/flow-run/{run['id']}"
    tell(f"started {flow}/sandbox as {run['name']}: {page}")
    final = demo_run.follow(server, run["id"], DEADLINE, tell)
    _summary(server, final, page, whole=whole or final["state_type"] != "COMPLETED")
    return 0 if final["state_type"] == "COMPLETED" else 1


def _summary(server: PrefectServer, run: dict[str, object], page: str, *, whole: bool) -> None:
    report = demo_run.report(server, str(run["id"]))
    if report and whole:
        print(f"\n{report['data']}\n")
    lines = demo_run.table(server, str(run["id"]))
    width = max([4, *(len(line.name) for line in lines)])
    room = max(40, min(shutil.get_terminal_size((120, 24)).columns, 160) - width - 27)
    print(f"{'task':<{width}}  {'state':<11} {'seconds':>7}  result")
    for line in lines:
        result = line.message if len(line.message) <= room else line.message[: room - 1] + "…"
        print(f"{line.name:<{width}}  {line.state:<11} {line.seconds:7.1f}  {result}")
    state = run["state"]
    assert isinstance(state, dict)
    checked = next((line.message for line in lines if line.name == "preflight"), "nothing")
    print(f"\nchecked  {checked}")
    print(f"run      {state['name']}{': ' if state['message'] else ''}{state['message'] or ''}")
    print(f"         {page}")
    above = " (printed above)" if whole else ""
    place = f"{server.url}/v2/artifacts/artifact/{report['id']}{above}" if report else "none"
    print(f"report   {place}")
    print(f"UI       {server.url}", flush=True)
    if whole and report:
        rows = str(report["data"]).partition("## Rows before and after")[2].partition("\n## ")[0].strip()
        print(f"\n{rows}\n" if rows else "", flush=True)


def _stay(server: PrefectServer) -> None:
    """Hold everything up until Ctrl-C, which is the expected end here."""
    try:
        while True:
            server.processes.check("prefect-server", "prefect-worker")
            time.sleep(1)
    except Stopped as stopped:
        print("\nending everything ...", flush=True)
        if stopped.number != signal.SIGINT:
            raise


class _Signals:
    """The first signal ends the demo in order; a second one, from somebody who will not wait, at once."""

    def __init__(self, processes: Processes) -> None:
        self.processes, self.ending, self.count = processes, False, 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            self.processes.kill()
            shutil.rmtree(self.processes.folder, ignore_errors=True)
            os._exit(128 + number)
        if not self.ending:  # else everything is on its way out already: let it finish
            self.ending = True
            raise Stopped(number)


if __name__ == "__main__":
    sys.exit(main())
