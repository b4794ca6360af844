"""How a past run ended: its record tells what became of the change, Prefect's state what became of the run.

The two differ: a run counts as Failed when Prefect's server was away while it ended, as Cancelled when another run
held the slot, and stays Running for ever when its worker was killed (prefect.md 3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from flows.core.audit.record import ChangeRecord, Trigger
from flows.core.numbers import AUDIT_UNENDED


class End(StrEnum):
    """What became of a run, in one word or few."""

    DONE = "done"
    DRY_RUN = "dry run"
    POSTPONED = "postponed"
    ASKED_ALREADY = "asked already"
    SETTLED_LATE = "settled late"
    REFUSED = "refused"
    NO_ANSWER = "approval never came"
    COLLISION = "never began: another run held the slot"
    NOT_VALID = "never began: what was ordered is not valid"
    CANCELLED = "cancelled"
    FAILED = "failed"
    STILL_RUNNING = "the script was still running"
    SERVER_AWAY = "not known: Prefect's server was away"
    DIED = "its process died"
    RUNNING = "running"
    WAITING = "waiting"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Run:
    """A run of one of our flows as Prefect tells it; times are seconds since 1970, `cluster` is "" where not told.

    `state` is Prefect's type (COMPLETED, …), `state_name` its name, `message` what the state says.
    """

    id: str
    flow: str
    name: str
    cluster: str
    state: str
    created: float
    started: float | None = None
    ended: float | None = None
    state_name: str = ""
    message: str = ""
    attempts: int = 1
    link: str = ""
    trigger: Trigger = field(default_factory=lambda: Trigger("not known"))


@dataclass(frozen=True)
class Ending:
    """How it ended, and by whose word; `contradiction` is what record and state disagree about, "" for nothing."""

    word: End
    why: str
    contradiction: str = ""


_WORDS = {
    **{str(word): word for word in (End.DONE, End.DRY_RUN, End.POSTPONED, End.ASKED_ALREADY, End.REFUSED)},
    **{str(word): word for word in (End.CANCELLED, End.FAILED)},
    "the script is still running": End.STILL_RUNNING,
}
_GOOD = frozenset({End.DONE, End.DRY_RUN, End.POSTPONED, End.ASKED_ALREADY})
_BAD = frozenset({End.REFUSED, End.CANCELLED, End.FAILED, End.STILL_RUNNING})
WAITING_RECORD = "waiting for approval"
"""The outcome of a record that was written before its run suspended itself."""

# The state begins with our own error's name where a host was away, and with httpx's where it was Prefect's server.
_AWAY = re.compile(
    r"exception: (?:\w+\.)*(?:Connect|Read|Write|RemoteProtocol)(?:Error|Timeout)\b|\bRequest to \S+ failed:"
    r"|exception: (?:\w+\.)*(?:PoolTimeout|PrefectHTTPStatusError)\b"
)

# What Prefect says where it came to no line of the flow.
_NEVER_BEGAN = re.compile(r"^Validation of flow parameters failed|^Flow could not be retrieved from ")


def ending(run: Run | None, record: ChangeRecord | None, now: float) -> Ending:
    """How a run ended, by Prefect's word, the last record of it, or both; one of them is there."""
    if record is not None and record.late:
        return Ending(End.SETTLED_LATE, record.problem or "its run left no record; reconcile wrote one")
    if record is not None and is_final(record, run):
        word = _WORDS.get(record.outcome, End.NOT_KNOWN)
        return Ending(word, record.problem or record.summary, _contradiction(run, record, word))
    if run is not None:
        return _by_state(run, now)
    return Ending(End.WAITING, "it waited for an approval; Prefect does not know the run any more")


def is_final(record: ChangeRecord, run: Run | None) -> bool:
    """Whether a record tells the end of its run: not of an attempt before the last, nor while it waited."""
    if record.late:
        return True
    return record.outcome != WAITING_RECORD and (run is None or record.attempt >= run.attempts)


def server_away(run: Run) -> bool:
    """Whether a run counts as failed because Prefect's own server did not answer."""
    return run.state in ("FAILED", "CRASHED") and bool(_AWAY.search(run.message))


def _contradiction(run: Run | None, record: ChangeRecord, word: End) -> str:
    if run is None:
        return ""
    state = f"Prefect says {run.state_name or run.state.capitalize()}"
    if word in _GOOD and run.state in ("FAILED", "CANCELLED") and not server_away(run):
        return f"its record says {word}, {state}: {run.message or 'without a message'}"
    if word in _BAD and run.state == "COMPLETED":
        return f"its record says {word}, {state}: somebody may have set the state by hand"
    return ""


def _by_state(run: Run, now: float) -> Ending:
    said = run.message or run.state_name or run.state.capitalize()
    if server_away(run):
        return Ending(End.SERVER_AWAY, said)
    if run.state == "FAILED" and "never resumed" in run.message:
        return Ending(End.NO_ANSWER, said)
    if run.state in ("FAILED", "CRASHED") and _NEVER_BEGAN.search(run.message):
        return Ending(End.NOT_VALID, said)
    if run.state == "CANCELLED" and "oncurrency limit reached" in run.message:
        return Ending(End.COLLISION, said)
    if run.state in ("RUNNING", "CANCELLING", "PENDING"):
        since = now - (run.started or run.created)
        if since > AUDIT_UNENDED:
            return Ending(End.DIED, f"{run.state.capitalize()} for ever: its worker was killed, or lost the server")
        return Ending(End.RUNNING, said)
    words = {"COMPLETED": End.DONE, "FAILED": End.FAILED, "CRASHED": End.DIED, "CANCELLED": End.CANCELLED}
    words |= {"SCHEDULED": End.WAITING, "PAUSED": End.WAITING}
    return Ending(words.get(run.state, End.NOT_KNOWN), said)
