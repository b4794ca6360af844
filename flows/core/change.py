"""A change as values: what was ordered, what each step did, who holds the lock."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

OutsideWindow = Literal["refuse", "postpone", "override"]
"""What becomes of a change that was ordered outside the cluster's maintenance window."""

GO_ON = frozenset({"rollback", "start"})
"""Kinds of change that may go on with an unfinished one of any target: they bring back, and aim at nothing new."""


@dataclass(frozen=True)
class Order:
    """What a person asked for: the same for every kind of change.

    The fields behind `new_token` matter only to the kinds that have them in their form: `reason`, `deep` (fingerprints,
    too), `on_failure`, `confirm` (the cluster's name, typed), `verb` (start, stop, restart),
    `restore_point` (its id), `rows_since` (what that does not hold, in words), `keep_days` (of restore points; 0: all),
    `require_rehearsal` (not older than so many days; 0: none).
    `require_approval` and `outside_window` belong to every change.
    """

    kind: str
    cluster: str
    dry_run: bool
    lowered: tuple[str, ...]
    requested_by: str
    ticket: str
    new_token: bool = False
    reason: str = ""
    deep: bool = False
    on_failure: Literal["recover", "stop"] = "recover"
    confirm: str = ""
    verb: str = ""
    restore_point: str = ""
    rows_since: str = ""
    keep_days: int = 0
    require_approval: bool = False
    outside_window: OutsideWindow = "refuse"
    require_rehearsal: int = 0

    @property
    def needs_deployment(self) -> bool:
        """Whether the run may have to wait or to come again, which Prefect can do only with runs of deployments."""
        return not self.dry_run and (self.require_approval or self.outside_window == "postpone")


@dataclass(frozen=True)
class Approval:
    """A person's answer to a plan: who it was, when (UTC, in words), about which hash, and what was said to it."""

    approved: bool
    name: str
    when: str
    plan: str
    comment: str = ""

    def __str__(self) -> str:
        said = f": {self.comment}" if self.comment else ""
        return f"{'approved' if self.approved else 'rejected'} by {self.name}, {self.when}, plan `{self.plan}`{said}"


@dataclass(frozen=True)
class Outcome:
    """How one step ended: changed, already so, or (`changed` is None) only looked; `details` go to the report."""

    step: str
    changed: bool | None
    message: str
    details: dict[str, str] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """The word for it."""
        return {True: "changed", False: "already so", None: "looked"}[self.changed]

    def __str__(self) -> str:
        return self.message if self.changed is None else f"{self.result}: {self.message}"


@dataclass(frozen=True)
class Told(Generic[T]):
    """What a step yields besides its outcome."""

    outcome: Outcome
    value: T


@dataclass(frozen=True)
class ChangeLock:
    """Who holds the cluster: run id, name and link, since when (UTC), what it aims at, and how far it came.

    `phase` is "preparing" until the script may run, then "script"; a run that ended badly after that leaves
    "unfinished" behind; "reconciling" while somebody settles what a dead run left. `script` names the run folder of
    the script that was last started, and `runs` tells whether that one still ran when the lock was taken. `boot_id`
    tells whether the control node was rebooted since. `change` is the id of the change folder there: whoever goes on
    with an unfinished change goes on with its folder.
    """

    run: str
    holder: str
    since: str
    link: str
    kind: str
    target: str
    phase: str
    boot_id: str = ""
    script: str = ""
    runs: bool = False
    change: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the lock file on the control node; a lock of a version without `change` keeps the very same text."""
        return {name: value for name, value in asdict(self).items() if name != "change" or value}

    def may_be_taken_by(self, run: str, target: str, kind: str = "") -> bool:
        """Whether a run may go on under this lock: its own, or an unfinished one with the same target.

        A rollback or a start may go on with any unfinished change; giving it up is done by `reconcile` alone.
        """
        return self.run == run or (self.phase == "unfinished" and (self.target == target or kind in GO_ON))


@dataclass(frozen=True)
class Holder:
    """What Prefect says of the run that holds a lock; `over` is None where it does not know the run or did not answer.

    A worker that is killed leaves its run `Running` for ever, so "not over" is no proof that somebody is at work.
    """

    state: str
    over: bool | None
