"""Following one flow run over Prefect's API: what it says while it runs, and what it came to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.sandbox.prefect_server import PrefectServer

FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
ENGINE = re.compile(
    r"Beginning (flow|task) run|Finished in state|Created (sub)?(flow|task) run|"
    r"View at |Downloading flow code|Hook "
)
"""Log lines of Prefect itself: the changes of state tell the same."""


@dataclass(frozen=True)
class TaskLine:
    """One task of a run: the name that the UI shows, its state, its last word, and how long it took."""

    name: str
    state: str
    message: str
    seconds: float


def start(server: PrefectServer, deployment: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Start a run through the deployment with these parameters besides its own, as the UI's form does."""
    found = server.get(f"/deployments/name/{deployment}")
    run: dict[str, Any] = server.post(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})
    return run


def follow(server: PrefectServer, run_id: str, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Tell every change of state and every log line of the run until it ends or waits (or the time is over)."""
    feed, end = _Feed(server, run_id), time.monotonic() + seconds
    while True:
        server.processes.check("prefect-server", "prefect-worker")
        run: dict[str, Any] = server.get(f"/flow_runs/{run_id}")
        for line in feed.news(run):
            tell(line)
        if run["state_type"] in {*FINAL, "PAUSED"} or time.monotonic() > end:
            break
        time.sleep(0.4)
    # Logs and task states arrive over a queue, a moment after the run's own state.
    for _ in range(10):
        time.sleep(0.3)
        lines = list(feed.news(run))
        for line in lines:
            tell(line)
        if not lines and all(task["state_type"] in FINAL for task in task_runs(server, run_id)):
            break
    tell(f"{'the run':<18} {run['state_name']}")
    return run


class _Feed:
    """Remembers what was told, so that each poll yields only what is new."""

    def __init__(self, server: PrefectServer, run_id: str) -> None:
        self.server, self.run_id = server, run_id
        self._states: dict[str, str] = {}
        self._logs: set[str] = set()

    def news(self, run: dict[str, Any]) -> Iterator[str]:
        if run["state_type"] not in FINAL:  # its end is told last, after all that its tasks said
            yield from self._changed("the run", run)
        tasks = task_runs(self.server, self.run_id)
        names = {task["id"]: task_name(task) for task in tasks}
        # What a task said stands before how it ended.
        for log in self._new_logs():
            speaker = names.get(log["task_run_id"], "the run")
            for line in _without_stack(log["message"].splitlines()):
                yield f"{speaker:<18} | {line}"
        for task in tasks:
            yield from self._changed(names[task["id"]], task)

    def _changed(self, name: str, item: dict[str, Any]) -> Iterator[str]:
        state = item["state"] or {"name": "", "message": ""}
        if self._states.get(item["id"]) != state["name"]:
            self._states[item["id"]] = state["name"]
            message = (state["message"] or "").strip().partition("\n")[0]
            yield f"{name:<18} {state['name']}" + (f": {message}" if message else "")

    def _new_logs(self) -> Iterator[dict[str, Any]]:
        for log in logs(self.server, self.run_id):
            if log["id"] not in self._logs:
                self._logs.add(log["id"])
                if not ENGINE.match(log["message"]) and not log["name"].endswith((".worker", ".runner")):
                    yield log


def _without_stack(lines: list[str]) -> list[str]:
    """The lines without a stack trace between the first and the last; the UI shows it whole."""
    return [lines[0], lines[-1]] if any(line.startswith("Traceback (most") for line in lines) else lines


def logs(server: PrefectServer, run_id: str) -> list[dict[str, Any]]:
    """All log lines of the run, oldest first; the API gives at most 200 at a time."""
    found: list[dict[str, Any]] = []
    while len(found) % 200 == 0:
        page = server.post(
            "/logs/filter",
            {
                "logs": {"flow_run_id": {"any_": [run_id]}},
                "sort": "TIMESTAMP_ASC",
                "limit": 200,
                "offset": len(found),
            },
        )
        found += page
        if not page:
            break
    return found


def task_runs(server: PrefectServer, run_id: str) -> list[dict[str, Any]]:
    """The run's tasks in the order in which they began."""
    found: list[dict[str, Any]] = server.post(
        "/task_runs/filter",
        {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200},
    )
    return sorted(found, key=lambda task: task["start_time"] or "9")


def task_name(task: dict[str, Any]) -> str:
    """The name as the UI shows it, without the three characters that Prefect appends by default."""
    plain = str(task["task_key"]).rpartition("-")[0]
    return plain if re.fullmatch(re.escape(plain) + r"-[0-9a-f]{3}", task["name"]) else str(task["name"])


def table(server: PrefectServer, run_id: str) -> list[TaskLine]:
    """Every task with its last word: the message of its state, or else the last line that it logged."""
    said = {log["task_run_id"]: log["message"] for log in logs(server, run_id) if not ENGINE.match(log["message"])}
    return [
        TaskLine(
            name=task_name(task),
            state=task["state_name"],
            message=(task["state"]["message"] or said.get(task["id"], "")).strip().split("\n")[0],
            seconds=task["total_run_time"],
        )
        for task in task_runs(server, run_id)
    ]


def report(server: PrefectServer, run_id: str) -> dict[str, Any] | None:
    """The run's report: its newest Markdown artifact whose key speaks of a report, else the newest one."""
    found = server.post(
        "/artifacts/filter",
        {
            "artifacts": {"type": {"any_": ["markdown"]}},
            "flow_runs": {"id": {"any_": [run_id]}},
            "sort": "CREATED_DESC",
        },
    )
    named = [artifact for artifact in found if "report" in (artifact["key"] or "")]
    return next(iter(named or found), None)
