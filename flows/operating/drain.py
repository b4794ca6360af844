"""Lets the runs of a work pool end before its worker is stopped: a stopped worker kills what it runs, without a word.

    python -m flows.operating.drain --pool on-premises [--at-most SECONDS]
    python -m flows.operating.drain --pool on-premises --resume

It pauses the pool, so that nothing new begins, and waits until nothing runs. Runs that wait for approval are not at
work, and go on after the resume. The exit code is 0 when the pool is empty, and 1 when the time was over before.
"""

from __future__ import annotations

import argparse
import sys
import time

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType

from flows.core.numbers import DRAIN_POLL, DRAIN_QUIET, DRAIN_WAIT

AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def main(words: list[str] | None = None) -> int:
    """Do what the words of the command line ask for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.operating.drain", description=__doc__)
    parser.add_argument("--pool", default="on-premises", help="the work pool (on-premises)")
    parser.add_argument("--at-most", type=float, default=DRAIN_WAIT, help=f"seconds to wait ({DRAIN_WAIT:.0f})")
    parser.add_argument("--resume", action="store_true", help="let the pool begin new runs again")
    asked = parser.parse_args(words)
    with get_client(sync_client=True) as client:
        client.update_work_pool(asked.pool, WorkPoolUpdate(is_paused=not asked.resume))
        print(f"work pool {asked.pool} {'resumed' if asked.resume else 'paused'}", flush=True)
        return 0 if asked.resume or emptied(client, asked.pool, asked.at_most) else 1


def emptied(client: SyncPrefectClient, pool: str, at_most: float) -> bool:
    """Wait until nothing is at work in the pool, and stays so for `DRAIN_QUIET` seconds; False when time is over.

    That long, because a run that the worker took just before the pause is shown as pending only a moment later.
    """
    deadline, quiet_since, told = time.monotonic() + at_most, None, ""
    while True:
        names, now = at_work(client, pool), time.monotonic()
        if said := "the server does not answer" if names is None else ", ".join(names):
            quiet_since = None
        else:
            quiet_since = quiet_since or now
        if said != told:
            print(f"waiting for: {said or 'a moment of quiet'}", flush=True)
            told = said
        if quiet_since is not None and now - quiet_since >= DRAIN_QUIET:
            print("nothing runs any more", flush=True)
            return True
        if now >= deadline:
            print(f"after {at_most:.0f} s still at work: {said or 'nothing, but only since a moment'}", flush=True)
            return False
        time.sleep(DRAIN_POLL)


def at_work(client: SyncPrefectClient, pool: str) -> list[str] | None:
    """The names of the runs that the pool's worker carries out; None while the server does not answer."""
    states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK)))
    here = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    try:
        runs = client.read_flow_runs(flow_run_filter=states, work_pool_filter=here, limit=200)
    except httpx.HTTPError:  # a server that restarts is no reason to kill what runs
        return None
    return sorted(str(run.name) for run in runs)


if __name__ == "__main__":
    sys.exit(main())
