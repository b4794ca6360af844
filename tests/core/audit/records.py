"""A report of an upgrade with all there is in one, and the record that it makes."""

from __future__ import annotations

from dataclasses import replace

from flows.core.audit.chain import digest
from flows.core.audit.make import Told, record_of
from flows.core.audit.record import ChangeRecord, Trigger
from flows.core.change import Approval, Order, Outcome
from flows.core.change_state import ChangeState, Image, Images
from flows.core.data.verdict import TableVerdict, Verdict, Word
from flows.core.findings import Finding, Level
from flows.core.installed import Service
from flows.core.plan import Plan, Step
from flows.core.proof import Proof
from flows.core.report import Report, Timed
from flows.core.script import Transcript
from tests.core.healthy import CLICKHOUSE, DATAFLOW

START = 1_800_000_000.0
PBX = Image("portsip/pbx:22.3.0", DATAFLOW.image_id, "portsip/pbx@sha256:1", "22.3.0")
OLD = Image("portsip/clickhouse:24.8", "sha256:old", "", "24.8.1")
NEW = Image("portsip/clickhouse:25.8", CLICKHOUSE.image_id, "portsip/clickhouse@sha256:2", "25.8.1")
ORDER = Order(
    "upgrade", "prod-eu", False, ("host.memory",), "Ada", "CHG-1", on_failure="stop", outside_window="override"
)
REPORT = Report(
    ORDER,
    "upgrade prod-eu 24.8 → 25.8",
    "http://ui/run/1",
    START,
    requirements="the guide of December 2025",
    findings=(
        Finding("host.memory", Level.WARNING, "15 GiB", "give it more", "Hardware", lowered=True),
        Finding("change.outside-window", Level.WARNING, "it is Monday", "wait"),
    ),
    plan=Plan("upgrade", "192.168.1.26:/d p c", (Step("upgrade", "run the script, password hunter2", True),)),
    steps=(
        Timed("look", Outcome("look", None, "3 hosts"), 0.4),
        Timed("upgrade", Outcome("upgrade", True, "exit code 0"), 20.12345),
        Timed("settle", None, 5.0),
    ),
    transcript=Transcript("upgrade", "/var/lib/x/runs/1", ("begin", "done"), 0, START + 10, START + 30),
    service=Service(CLICKHOUSE, DATAFLOW),
    ended=START + 125,
    result="done",
    change=ChangeState(
        "c-1", "upgrade", "prod-eu", "t", old=Images(PBX, OLD), new=Images(PBX, NEW), restore_point="p-1"
    ),
    proof=Proof(
        "24.8.1", "25.8.1", Verdict((TableVerdict("default.cdr", Word.GREW, 100, 103, 3, 0, "3 new"),)), downtime=31.25
    ),
    approval=Approval(True, "Grace", "2027-01-15 07:50:00+00:00", "abc", "go"),
)
TRIGGER = Trigger("schedule", "weekly", "upgrade-data-flow/prod-eu")
KEPT = {"report.md": "# upgrade\n", "transcript.log": "begin\ndone\n"}
TOLD = Told(
    *("run-1", 2, TRIGGER, "0.1.0"),
    digests={"report.md": digest(KEPT["report.md"])},
    transcript=digest(KEPT["transcript.log"]),
)


def record(report: Report = REPORT, told: Told = TOLD) -> ChangeRecord:
    """The record of a report, with one secret that must be masked."""
    return record_of(report, told, lambda text: text.replace("hunter2", "***"))


def past(run: str, **known: object) -> ChangeRecord:
    """The record of another run, e.g. `past("r1", cluster="prod", started=...)`."""
    made: ChangeRecord = replace(record(), run=run, id=f"{run}-1-done", attempt=1, **known)  # type: ignore[arg-type]
    return made
