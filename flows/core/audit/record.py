"""The record of a change: one versioned text for whoever asks years later who changed what, and what became of it.

A reader takes what every older version wrote (what that did not know has its default), and passes over what a newer
one added beside it. A text whose meaning changed has a higher first number, and is refused in words.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.core.audit.plain import filled
from flows.core.change import Approval
from flows.core.change_state import Images
from flows.core.plan import Step

FORMAT = "1.0"
"""Of the text: the first number is raised when an older reader would misunderstand it, the second for new fields."""


@dataclass(frozen=True)
class Trigger:
    """What started the run, as Prefect tells it: schedule, automation, another run, or "UI, CLI or API".

    Prefect knows no persons: who clicked is in `requested_by`. `name` is the schedule's, the automation's or the other
    run's; `deployment` is "" for a run that was called in Python.
    """

    how: str
    name: str = ""
    deployment: str = ""


@dataclass(frozen=True)
class Found:
    """A finding of the preflight; `lowered`: it would have refused the change, and somebody answered for it."""

    id: str
    level: str
    message: str
    lowered: bool = False


@dataclass(frozen=True)
class Stage:
    """A step that was made: changed, already so, looked or failed, and how many seconds it took."""

    step: str
    result: str
    message: str
    seconds: float


@dataclass(frozen=True)
class Rows:
    """One table: rows before and after (None: not known), and the verdict, "" where there was nothing to compare."""

    table: str
    before: int | None
    after: int | None
    grew: int = 0
    lost: int = 0
    verdict: str = ""
    why: str = ""


@dataclass(frozen=True)
class Script:
    """The last call of the vendor's script: its masked transcript's SHA-256, where that lies, and how it ended."""

    verb: str
    folder: str
    exit_code: int | None
    lines: int
    sha256: str
    started: str = ""
    ended: str = ""


@dataclass(frozen=True)
class ChangeRecord:
    """What is known of one attempt of one run; times are UTC text, durations seconds, "" and None: not known.

    `id` names the record, `change` the folder on pbx01 that several runs may share. `outcome` is the word of the run's
    report (done, dry run, refused, failed, cancelled, postponed, …); `late`: somebody else wrote it, because the run
    died. `before` and `after` are the images that were seen, `wanted` those that were ordered. `plan` is its hash.
    `digests` are the SHA-256 of what is kept beside the record, by file name: the report, the snapshots of all tables.
    """

    id: str
    run: str
    cluster: str
    kind: str
    outcome: str
    started: str
    ended: str
    attempt: int = 1
    change: str = ""
    name: str = ""
    link: str = ""
    reason: str = ""
    requested_by: str = ""
    ticket: str = ""
    trigger: Trigger = field(default_factory=lambda: Trigger("not known"))
    approval: Approval | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    requirements: str = ""
    findings: tuple[Found, ...] = ()
    outside_window: bool = False
    plan: str = ""
    target: str = ""
    steps: tuple[Step, ...] = ()
    stages: tuple[Stage, ...] = ()
    before: Images | None = None
    wanted: Images | None = None
    after: Images | None = None
    engine_before: str = ""
    engine_after: str = ""
    rows: tuple[Rows, ...] = ()
    verdict: str = ""
    downtime: float | None = None
    script: Script | None = None
    restore_point: str = ""
    way_back: str = ""
    problem: str = ""
    summary: str = ""
    software: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    late: bool = False

    @property
    def changed(self) -> bool:
        """Whether it did anything to the cluster, whatever came of it."""
        return any(stage.result == "changed" for stage in self.stages) or self.script is not None

    @property
    def lowered(self) -> tuple[Found, ...]:
        """The findings that somebody answered for."""
        return tuple(each for each in self.findings if each.lowered)


def as_values(record: ChangeRecord) -> dict[str, Any]:
    """The record as plain values, with its format."""
    return {"format": FORMAT, **asdict(record)}


def as_json(record: ChangeRecord) -> str:
    """The record as a text for people."""
    return json.dumps(as_values(record), ensure_ascii=False, indent=1)


def from_json(text: str) -> ChangeRecord:
    """Read what this, an older, or a slightly newer version wrote; raises `ValueError` in words for anything else."""
    return from_values(json.loads(text))


def from_values(values: Any) -> ChangeRecord:
    """The same from plain values."""
    said = values.get("format") if isinstance(values, dict) else None
    major = said.partition(".")[0] if isinstance(said, str) else ""
    if not major.isdecimal():
        raise ValueError("it is not the record of a change")
    if int(major) > int(FORMAT.partition(".")[0]):
        raise ValueError(f"a newer version of these flows wrote it (format {said}): update this worker")
    return filled(ChangeRecord, values)
