"""The whole health check of 1 to 20 servers on a running Prefect server, beside Ansible with the same checks.

Ours is one run for all servers, and a run for each of them started at once. Every contestant has to see the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.bench import seen
from tests.bench.ansible import Ansible
from tests.bench.our_runs import OurRuns
from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.rounds import Contestant, Figures, alternate
from tests.bench.servers import Servers

ALL, EACH = "ours, one run for all", "ours, a run for each"
PLAIN, PIPELINED = "ansible, a task for each check", "ansible, the same with pipelining"
ONCE = "ansible, pipelining, one command a host"
QUICK, FULL = {1: 2, 10: 1}, {1: 3, 5: 2, 10: 2, 20: 1}
"""Rounds by the number of servers."""
MOST_MIB = 150
NOTES = (
    "Targets and contestants share this machine's cores. Ansible sends Python programs that the targets have to run, "
    "so its seconds are more than with machines of their own: compare its CPU, that of the client alone, too.",
    "Behind real SSH servers all servers are one and the same sandbox; its Docker, ClickHouse and PBX work in another "
    "process. Ours are started as a worker starts them; the worker's own wait for the next look at its queue, and the "
    "CPU of the Prefect server, which serves others too, are left out.",
    "A run of ours waits up to a second at its end until Prefect's heartbeat has stopped. Ansible has 50 forks, and "
    "all its connections are new.",
)


class Differs(Exception):
    """A contestant saw something else than our look did."""


def outcomes(full: bool, rounds: int | None) -> Iterator[Outcome]:
    """Where the seconds of one check go, then one table for each number of servers."""
    numbers = FULL if full else QUICK
    found: dict[int, Outcome] = {}
    for count, times in numbers.items():
        with Servers(count) as servers:
            contest = Contest(servers)
            if count == 1:
                yield contest.where(rounds or times)
            frame = alternate(contest.contestants(), rounds or times, warmup=1 if count == 1 else 0)
        title = f"Health of {count} server{'s' if count > 1 else ''}"
        outcome = found[count] = Outcome(f"health-{count}", title, frame)
        noted = replace(outcome, notes=(_by_hand(outcome), *(NOTES if count == 1 else ())))
        yield with_marks(noted, *_marks(count, found))


def _marks(count: int, found: dict[int, Outcome]) -> Iterator[Mark]:
    outcome = found[count]
    if limit := {1: 0.5, 10: 0.2}.get(count):
        yield Mark("seconds through those of Ansible with pipelining", outcome.ratio(ALL, PIPELINED), limit)
        yield Mark("CPU through Ansible's with pipelining", outcome.ratio(ALL, PIPELINED, "cpu_seconds"), limit)
    yield Mark("memory of a run", max(outcome.median(name, "peak_mib") for name in (ALL, EACH)), MOST_MIB, "MiB")
    if count > 1:
        times = outcome.median(ALL) / found[1].median(ALL)
        yield Mark(f"seconds for {count} servers through those for one", times, 0.5 * count)


def _by_hand(outcome: Outcome) -> str:
    """Beside the best that can be made of Ansible, which is our own questions in its hands."""
    seconds, busy = outcome.ratio(ONCE, ALL), outcome.ratio(ONCE, ALL, "cpu_seconds")
    return (
        f"Put together by hand from our own questions, one command a host, Ansible takes {seconds:.2f} times our "
        f"seconds and {busy:.2f} times our CPU; it keeps no history, judges nothing and tells nobody."
    )


class Contest:
    """The contestants on these servers, who all have to see what our look sees."""

    def __init__(self, servers: Servers) -> None:
        self._names, self._ours, self._ansible = servers.names, OurRuns(servers), Ansible(servers)
        self._seen = servers.look(servers.names[0])

    def contestants(self) -> list[Contestant]:
        """Ours first; a playbook without pipelining only where it does not take minutes."""
        plain = [Contestant(PLAIN, lambda: self._play("health.yml", pipelining=False))] if len(self._names) == 1 else []
        return [
            Contestant(ALL, lambda: self._ours.of_all(self._names)),
            Contestant(EACH, lambda: self._ours.of_each(self._names)),
            *plain,
            Contestant(PIPELINED, lambda: self._play("health.yml", pipelining=True)),
            Contestant(ONCE, lambda: self._play("health_once.yml", pipelining=True)),
        ]

    def where(self, rounds: int) -> Outcome:
        """How far a process gets with so much time: the start, Prefect, our modules; the rest is the run itself."""
        steps = {
            "a whole run": lambda: self._ours.of_each(self._names[:1]),
            "Python starts": lambda: self._ours.imports("pass"),
            "and imports Prefect's engine": lambda: self._ours.imports("import prefect.engine"),
            "and our flow": lambda: self._ours.imports("import prefect.engine, flows.health"),
            "and looks once (SSH, Docker, ClickHouse, PBX)": lambda: self._ours.imports(LOOK % self._names[0]),
        }
        frame = alternate([Contestant(name, run) for name, run in steps.items()], rounds)
        notes = ("Each step holds those before it; what is between the last one and a whole run is Prefect's API.",)
        return Outcome("health-where", "Where the seconds of one check go", frame, notes=notes)

    def _play(self, playbook: str, *, pipelining: bool) -> Figures:
        figures, found = self._ansible.run(playbook, self._names, pipelining=pipelining)
        return self._same(figures, found)

    def _same(self, figures: Figures, found: Sequence[seen.Seen]) -> Figures:
        for each in found:
            if each != self._seen:
                raise Differs(f"{each} is not {self._seen}")
        return figures


LOOK = """
import prefect.engine, flows.health
from tests.bench.seen import look
look(%r)
"""
