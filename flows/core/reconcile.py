"""Reconciling as a decision: what may be done about a lock, by whom it is held and what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flows.core.change import ChangeLock, Holder
from flows.core.change_state import ChangeState, Phase
from flows.core.installed import Service


class Next(StrEnum):
    """What to do about the lock."""

    NOTHING = "nothing"
    LEAVE = "leave"
    REFUSE = "refuse"
    UNLOCK = "unlock"
    ABANDON = "abandon"
    SETTLE = "settle"


@dataclass(frozen=True)
class Standing:
    """What is known of a cluster's change: the lock, its folder's state, what Prefect says, what the script does.

    `script` is the job's word for the state of the script that the lock names: "" when none was ever started.
    """

    lock: ChangeLock | None
    state: ChangeState | None
    holder: Holder
    script: str = ""
    boot_id: str = ""
    left_open: tuple[ChangeState, ...] = ()
    rehearsal: tuple[str, str] = ("", "")  # id and data path of one that has something on the server

    @property
    def script_runs(self) -> bool:
        """Whether the vendor's script still runs."""
        return self.script in ("running", "waiting-for-input")

    @property
    def rebooted(self) -> bool:
        """Whether the control node was rebooted since the lock was taken."""
        return bool(self.lock and self.lock.boot_id and self.boot_id and self.lock.boot_id != self.boot_id)

    @property
    def touched(self) -> bool:
        """Whether this change may have stopped or replaced the service."""
        started = self.lock is not None and bool(self.lock.script)
        return started or (self.state is not None and self.state.phase.reached(Phase.STOPPING))

    @property
    def rehearsal_left(self) -> bool:
        """Whether a rehearsal left something on the server, and nobody works there any more."""
        return bool(self.rehearsal[0]) and (self.lock is None or (self.ended and not self.script_runs))

    @property
    def ended(self) -> bool:
        """Whether the holder is gone for sure: it said so itself in the lock, or Prefect says so."""
        return self.lock is not None and (self.lock.phase == "unfinished" or self.holder.over is True)


@dataclass(frozen=True)
class Decision:
    """What to do, and why, in words for the run's state."""

    next: Next
    why: str


def decide(standing: Standing, *, force_unlock: str = "", abandon: str = "") -> Decision:
    """What may be done; nothing is guessed: who holds the lock counts as alive until something says otherwise."""
    if force_unlock and abandon:
        return Decision(Next.REFUSE, "force_unlock and abandon were both given: take one of them")
    if force_unlock:
        return _unlock(standing, force_unlock.strip())
    if abandon:
        return _abandon(standing, abandon.strip())
    lock = standing.lock
    if lock is None:
        return Decision(Next.NOTHING, "no change holds the cluster")
    if standing.script_runs:
        asks = ", and it waits for an answer" if standing.script == "waiting-for-input" else ""
        return Decision(Next.LEAVE, f"the script of {lock.holder} still runs{asks}: left alone, the lock is kept")
    if not standing.ended:
        return Decision(Next.LEAVE, _alive(standing, lock))
    return Decision(Next.SETTLE, f"{lock.holder} is over ({_how(standing, lock)}) and left its lock")


def _unlock(standing: Standing, typed: str) -> Decision:
    lock = standing.lock
    if lock is None:
        return Decision(Next.REFUSE, "no change holds the cluster: there is no lock to break")
    if lock.run != typed:
        return Decision(Next.REFUSE, f"the lock is held by run {lock.run} ({lock.holder}), not by {typed}")
    runs = "its script STILL RUNS, and keeps a lock of its own until it ends" if standing.script_runs else ""
    runs = runs or "its script does not run"
    return Decision(Next.UNLOCK, f"the lock of {lock.holder} since {lock.since} is broken by force; {runs}")


def _abandon(standing: Standing, typed: str) -> Decision:
    lock = standing.lock
    if lock is None or (lock.change or lock.run) != typed:
        if any(state.id == typed for state in standing.left_open):
            return Decision(Next.ABANDON, f"change {typed}, which holds no lock any more, is given up")
        held = f"the lock belongs to change {lock.change or lock.run}" if lock else "no change holds the cluster"
        return Decision(Next.REFUSE, f"there is no unfinished change {typed}; {held}")
    if standing.script_runs:
        return Decision(Next.REFUSE, f"the script of change {typed} still runs: wait for its end")
    if not standing.ended:
        return Decision(Next.REFUSE, f"change {typed} is not unfinished: {_alive(standing, lock)}")
    return Decision(Next.ABANDON, f"change {typed} of {lock.holder} is given up; the service was not touched")


def _alive(standing: Standing, lock: ChangeLock) -> str:
    rebooted = " pbx01 was rebooted since." if standing.rebooted else ""
    hint = f"If it is gone for good, cancel it in Prefect, or type its id into force_unlock: {lock.run}"
    return f"{lock.holder} holds the lock since {lock.since} ({standing.holder.state}): left alone.{rebooted} {hint}"


def _how(standing: Standing, lock: ChangeLock) -> str:
    said = standing.holder.state if standing.holder.over else f"phase {lock.phase}"
    return f"{said}, pbx01 was rebooted since" if standing.rebooted else said


def state_of(lock: ChangeLock, cluster: str) -> ChangeState:
    """What a lock alone tells of its change, for one that keeps no folder (an install)."""
    phase = Phase.SCRIPT if lock.script else Phase.PREPARING
    change, asked = lock.change or lock.run, lock.holder.partition(", requested by ")[2]
    return ChangeState(change, lock.kind, cluster, lock.target, phase, (lock.run,), lock.since, asked)


def rests(kind: str, found: Service) -> bool:
    """Whether the service does not run because that was ordered, and the order was carried out to its end."""
    if kind == "remove":
        return not found.containers and not found.strangers
    return kind == "stop" and not any(container.running for container in found.containers)
