"""Watches ClickHouse all through a change: how long it does not answer, and what it holds the moment it is back."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from contextvars import copy_context
from types import TracebackType
from typing import Self

from blocks.clickhouse import ClickHouseClient
from blocks.cluster import DataFlowCluster
from flows.core.data.snapshot import DataSnapshot, as_json
from flows.core.numbers import WATCH_POLL
from flows.errors import DataFlowError
from flows.tasks.change_state import keep
from flows.tasks.data import read_data
from flows.tasks.settle import gate


class Watch:
    """A thread that probes ClickHouse over a connection of its own, from before it is stopped until it is proved.

    `down` counts the seconds without an answer. Once `expect` was called, the first state in which every table is
    loaded is kept as `early`: the script may start the writer at any moment, and what it writes is merged with the old.
    """

    def __init__(self, cluster: DataFlowCluster, change: str) -> None:
        self.early: DataSnapshot | None = None
        self.up_at: float | None = None
        self._cluster, self._change = cluster, change
        self._over, self._expected = threading.Event(), threading.Event()
        self._down, self._down_since = 0.0, 0.0
        # Prefect keeps its settings in context variables, which a new thread would not have.
        target, arguments = copy_context().run, (self._watch,)
        self._thread = threading.Thread(target=target, args=arguments, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(self._cluster.server.command_timeout)

    @property
    def down(self) -> float:
        """Seconds in which ClickHouse did not answer, all its breaks together."""
        return self._down + (time.monotonic() - self._down_since if self._down_since else 0.0)

    def expect(self) -> None:
        """From now on, what comes up is what the change made."""
        self._expected.set()

    def _watch(self) -> None:
        while not self._over.is_set():
            # Whatever breaks here is seen by the steps themselves; the watch goes on over a new connection.
            with suppress(DataFlowError):
                self._probe_on()
            if not self._over.wait(WATCH_POLL):
                self._note(up=False)

    def _probe_on(self) -> None:
        cluster = self._cluster
        with (
            cluster.server.get_client(name="server") as ssh,
            cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse,
        ):
            while not self._over.is_set() and ssh.alive:
                up = _answers(clickhouse)
                self._note(up=up)
                if up and self._expected.is_set() and self.early is None:
                    with suppress(DataFlowError):  # it may be stopped again before it was read: the next time, then
                        self._keep(clickhouse)
                self._over.wait(WATCH_POLL)

    def _keep(self, clickhouse: ClickHouseClient) -> None:
        if gate(clickhouse):
            return
        early = read_data(clickhouse)
        with self._cluster.control.get_client(name="pbx01") as control:
            keep(control, self._change, "early", as_json(early))
        self.early = early

    def _note(self, *, up: bool) -> None:
        now = time.monotonic()
        if up and self._down_since:
            self._down, self._down_since, self.up_at = self._down + now - self._down_since, 0.0, time.time()
        elif not up and not self._down_since:
            self._down_since = now


def _answers(clickhouse: ClickHouseClient) -> bool:
    try:
        return clickhouse.ping()
    except DataFlowError:
        return False
