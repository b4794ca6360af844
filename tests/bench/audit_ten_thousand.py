"""How long an audit takes and how much memory: `python -m tests.bench.audit_ten_thousand [RUNS …]`.

Promised: 10,000 past runs in at most 30 s and 500 MB on two cores, growing linearly. The runs are made by the API of
a fresh Prefect server (minutes), each with its record as an artifact and as a line of one log on pbx01, the worst case;
each audit is a process of its own, as a worker's is. Server, sandbox and audit share this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.demo_processes import DemoFailed, Processes
from tests.sandbox.prefect_server import PrefectServer, ask
from tests.sandbox.world import World

NUMBERS = (1_000, 10_000)
MOST_SECONDS, MOST_MIB = 30.0, 500.0
LOG = "/var/lib/dataflow-flows/audit.log"
KINDS = ("upgrade", "recreate", "install", "upgrade", "rollback")
OUTCOMES = ("done", "done", "done", "refused", "failed")
TABLES = ("agents", "answered_calls", "cdr", "cdr_to_daily_counters", "daily_counters", "queue_events")
STEPS = ("look", "preflight", "lock", "look again", "pull-image", "quiesce", "stop-writer", "stop-clickhouse")
LATER = ("restore-point", "upgrade", "settle", "verify-row-counts", "baseline", "restore-points", "unlock")
AUDIT = """
import json, resource, sys, time
from flows.audit import audit_data_flow
began = time.monotonic()
state = audit_data_flow(folder=sys.argv[1], return_state=True)
took = time.monotonic() - began
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": took, "mib": most, "state": state.name, "message": state.message}))
"""


def record(number: int, run: str, at: float) -> Any:
    """A record as large as that of a real upgrade."""
    from flows.core.audit.record import ChangeRecord, Found, Rows, Script, Stage, Trigger
    from flows.core.change_state import Image, Images
    from flows.core.words import utc

    outcome = OUTCOMES[number % len(OUTCOMES)]
    digest = f"sha256:{number // 500:064x}"
    images = Images(*(Image(f"portsip/{name}", digest, "", "25.8") for name in ("pbx:22", "clickhouse:25.8")))
    stages = [
        Stage(
            step, "changed" if step in ("upgrade", "stop-writer") else "looked", f"{step} said {run}, as it does", 1.5
        )
        for step in (*STEPS, *LATER)
    ]
    rows = [Rows(f"default.{t}", 10**6 + number, 10**6 + number + 9, 9, 0, "GREW", "9 new rows") for t in TABLES]
    return ChangeRecord(
        *(f"{run}-1-{outcome}", run, "bench", KINDS[number % len(KINDS)], outcome, utc(at), utc(at)),
        change=f"{run}-1",
        name=f"upgrade bench {number}",
        requested_by=f"person {number % 20}",
        ticket=f"CHG-{number}",
        trigger=Trigger("UI, CLI or API", "", "upgrade-data-flow/bench"),
        findings=(Found("host.memory", "warning", "15 GiB", lowered=number % 50 == 0),),
        plan=f"{number:016x}",
        stages=tuple(stages if outcome != "refused" else stages[:2]),
        before=images,
        after=images,
        engine_before="25.8.1",
        engine_after="25.8.1",
        rows=tuple(rows),
        verdict="GREW",
        downtime=20.0 + number % 60,
        script=Script("upgrade", f"/var/lib/dataflow-flows/runs/{run}-1", 0, 60, f"{number:064x}"),
        problem="" if outcome == "done" else f"it was {outcome}",
        summary="changed: upgrade; nothing was lost",
        software="0.1.0",
        digests=dict.fromkeys(("report.md", "reference.json", "after.json"), f"{number:064x}"),
    )


def make(server: PrefectServer, log: Path, first: int, last: int, block: str) -> None:
    """Make the runs of these numbers: first their flow runs, then records and log in one order, then the artifacts."""
    from flows.core.audit.chain import head_of, line
    from flows.core.audit.kept import rows
    from flows.core.audit.record import as_values

    reference = {"cluster": {"$ref": {"block_document_id": block}}}
    with httpx.Client(base_url=f"{server.url}/api", timeout=60, trust_env=False) as http, ThreadPoolExecutor(2) as pool:

        def post(path: str, body: dict[str, Any]) -> Any:
            for _ in range(10):  # a busy server on SQLite may be locked for long
                with suppress(httpx.TransportError):
                    if (answer := ask(http, "POST", path, body)).is_success:
                        return answer.json()
            raise DemoFailed(f"The Prefect server refuses {path}.")

        flows = [post("/flows/", {"name": f"{kind}-data-flow"})["id"] for kind in KINDS]

        def run(number: int) -> dict[str, Any]:
            state = {"type": "COMPLETED" if number % 5 < 3 else "FAILED", "message": "as its record says"}
            body = {"name": f"upgrade bench {number}", "flow_id": flows[number % 5], "parameters": reference}
            made: dict[str, Any] = post("/flow_runs/", {**body, "idempotency_key": str(number), "state": state})
            return made

        def keep(pair: tuple[dict[str, Any], Any]) -> None:
            data = json.dumps(pair[1])
            post("/artifacts/", {"key": "record-bench", "type": "table", "data": data, "flow_run_id": pair[0]["id"]})

        runs = list(pool.map(run, range(first, last)))
        head, kept = head_of(log.read_text()), []
        with log.open("a") as file:
            for number, each in enumerate(runs, first):
                made = record(number, each["id"], time.time())
                file.write(text := line(head, as_values(made)))
                kept.append(rows(made, head := head_of(text)))
        list(pool.map(keep, zip(runs, kept, strict=True)))


def audit(server: PrefectServer, folder: Path) -> dict[str, Any]:
    """One audit in a process of its own."""
    words = [sys.executable, "-c", AUDIT, str(folder)]
    done = subprocess.run(words, env=server.environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def audits(server: PrefectServer, folder: Path, numbers: list[int]) -> Iterator[tuple[int, float, dict[str, Any]]]:
    """Of an empty server, then of so many runs: number, size of the log in MiB, and what the audit took."""
    from tests.sandbox.saved_blocks import save

    yield 0, 0.0, audit(server, folder)
    with World() as world:
        save(world, "bench")
        only = {
            "block_documents": {"name": {"any_": ["bench"]}},
            "block_types": {"slug": {"any_": ["data-flow-cluster"]}},
        }
        block = str(server.post("/block_documents/filter", only)[0]["id"])
        log, made = world.control.path(LOG), 0
        log.parent.mkdir(parents=True)
        log.touch()
        for number in numbers:
            began = time.monotonic()
            make(server, log, made, number, block)
            print(f"made {number - made:,} runs in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            made = number
            yield number, log.stat().st_size / 2**20, audit(server, folder)


def main(numbers: list[int]) -> int:
    """Print the table; the exit code is 1 when a promise is not kept."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        processes = Processes(Path(name))
        try:
            server = PrefectServer(processes)
            os.environ.update(server.environment)  # before anything imports Prefect
            server.start()
            server.wait()
            kept = True
            print(f"{'runs':>8} {'log MiB':>8} {'seconds':>8} {'peak MiB':>9}  ended")
            for number, size, took in audits(server, Path(name) / "audits", numbers):
                print(
                    f"{number:>8,} {size:>8.1f} {took['seconds']:>8.1f} {took['mib']:>9.0f}  {took['message']}",
                    flush=True,
                )
                kept &= took["seconds"] <= MOST_SECONDS and took["mib"] <= MOST_MIB
        finally:
            processes.stop()
    print("promise kept" if kept else f"promised: {MOST_SECONDS:.0f} s, {MOST_MIB:.0f} MiB")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]] or list(NUMBERS)))
