"""Facts of one host over SSH: our connection and questions beside plain `ssh` and pyinfra, near and far.

Everybody asks the same questions of the same host and is compared by what it found. Interpreter and imports are left
out for us and for pyinfra (`health` counts them): this is the SSH layer alone.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from blocks.ssh import SshHost
from flows.core.facts import Answers, ask, folders_of, host_facts, host_questions, server_questions, split
from flows.core.snapshot import HostFacts
from flows.tasks.look_hosts import ask_host
from tests.bench import machine
from tests.bench.delay import Delay
from tests.bench.meter import spent
from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.rounds import Contestant, Figures, alternate
from tests.bench.sshd import Sshd
from tests.bench.target import sshd_of
from tests.sandbox.host import Host

FOLDERS, MORE = folders_of("/var/lib/portsip"), server_questions("/var/lib/portsip")
QUESTIONS = host_questions(FOLDERS, (), MORE)
PYINFRA = Path(__file__).parent / "rival" / "pyinfra_facts.py"
OURS, SIGN_IN = "ours", "ours, sign-in alone"
SSH, APART, ONCE = "ssh ControlMaster, one command", "pyinfra, a command each", "pyinfra, one command"
DELAYS, TRIPS = (0, 20, 100), "round_trips"
NOTES = {
    0: "On one machine: what is left is OpenSSH's own work, and the host's for its answers, which all wait for alike.",
    20: "As from another town: 20 ms of round trip, by a proxy on loopback.",
    100: "As from another continent: 100 ms of round trip. TCP's own greeting is not delayed, for anybody.",
}


class Differs(Exception):
    """A contestant found something else than we did."""


def outcomes(full: bool, rounds: int | None) -> Iterator[Outcome]:
    """One table for each delay; through the proxy also with the round trips that each waited for."""
    count = rounds or (9 if full else 5)
    with (
        tempfile.TemporaryDirectory(prefix="bench-facts-") as folder,
        Host("dataflow01", Path(folder, "host"), "192.168.1.26", password="unused") as host,
        sshd_of(host) as sshd,
    ):
        for delay in DELAYS:
            yield _marked(delay, _at(delay, sshd, count, Path(folder)))


def _marked(delay: int, outcome: Outcome) -> Outcome:
    marks = [
        Mark("seconds through those of `ssh` with one command", outcome.ratio(OURS, SSH), 1.2),
        Mark("seconds through pyinfra's, a command each", outcome.ratio(OURS, APART), 0.5),
    ]
    if delay == 0:
        alone = outcome.ratio(SIGN_IN, OURS)
        note = (
            f"pyinfra with our one command in its hands takes {1 / outcome.ratio(OURS, ONCE):.2f} times our seconds: "
            f"it is paramiko, too. The sign-in alone is {alone:.0%} of ours, the rest is the host's own work."
        )
        outcome = replace(outcome, notes=(*outcome.notes, note))
    if delay == DELAYS[-1]:
        # What else the machine does only adds: an answer that comes late is taken for one more round trip.
        ours, alone = (outcome.values(name, TRIPS).min() for name in (OURS, SIGN_IN))
        marks.append(Mark("round trips beyond the sign-in", float(ours - alone), 4))
    return with_marks(outcome, *marks)


def _at(delay: int, sshd: Sshd, rounds: int, folder: Path) -> Outcome:
    with sshd.behind(delay) as proxy:
        port = proxy.port if delay else sshd.port
        contestants = Contest(sshd, port, folder).contestants()
        if delay:
            contestants = [Contestant(each.name, partial(_counted, each.run, proxy)) for each in contestants]
        frame = alternate(contestants, rounds)
    return Outcome(f"facts-{delay}", f"Facts of one host, {delay} ms away", frame, notes=(NOTES[delay],))


def _counted(run: Callable[[], Figures], proxy: Delay) -> Figures:
    return run() | {TRIPS: proxy.trips()}


class Contest:
    """The contestants, who all have to find what we found first."""

    def __init__(self, sshd: Sshd, port: int, folder: Path) -> None:
        self._sshd, self._port, self._folder = sshd, port, folder
        self._seen: HostFacts | None = None

    def contestants(self) -> list[Contestant]:
        """Ours first."""
        return [
            Contestant(OURS, self._ours),
            Contestant(SIGN_IN, self._sign_in),
            Contestant(SSH, self._ssh),
            Contestant(ONCE, lambda: self._pyinfra("once")),
            Contestant(APART, lambda: self._pyinfra("apart")),
        ]

    def _block(self) -> SshHost:
        key = SecretStr(self._sshd.key.read_text())
        return SshHost(
            host="127.0.0.1", port=self._port, user=self._sshd.user, private_key=key, host_key=self._sshd.host_key
        )

    def _ours(self) -> Figures:
        block = self._block()
        began, used = time.perf_counter(), time.process_time()
        with block.get_client(name="server") as ssh:
            _, answers = ask_host(ssh, "server", block, folders=FOLDERS, more=MORE, forwarding=True)
        figures = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
        self._check(OURS, answers)
        return figures

    def _sign_in(self) -> Figures:
        block = self._block()
        began, used = time.perf_counter(), time.process_time()
        with block.get_client(name="server"):
            pass
        return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}

    def _ssh(self) -> Figures:
        options = {
            "ControlMaster": "yes",
            "ControlPath": self._folder / "master",
            "ControlPersist": "no",
            "UserKnownHostsFile": self._sshd.known_hosts,
            "StrictHostKeyChecking": "yes",
            "IdentityFile": self._sshd.key,
            "IdentitiesOnly": "yes",
            "PreferredAuthentications": "publickey",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        login = ["ssh", "-F", "none", *words, "-p", str(self._port), f"{self._sshd.user}@127.0.0.1"]
        figures, said = spent([*login, ask(QUESTIONS)])
        self._check(SSH, split(said))
        return {name: figures[name] for name in ("seconds", "cpu_seconds")}

    def _pyinfra(self, way: str) -> Figures:
        """`once`: all in one command, whose output is taken apart as ours is; `apart`: each by itself."""
        asked = [["all", ask(QUESTIONS)]] if way == "once" else [[each.name, each.command] for each in QUESTIONS]
        words = [str(machine.rival("python")), str(PYINFRA), str(self._port), self._sshd.user]
        words += [str(self._sshd.key), str(self._sshd.known_hosts)]
        done = subprocess.run(words, input=json.dumps(asked), capture_output=True, text=True)
        if done.returncode:
            raise Differs(f"pyinfra failed: {done.stderr[-2000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        answers: Answers = {name: (code, text) for name, (code, text) in told.pop("answers").items()}
        self._check(f"pyinfra, {way}", split(answers["all"][1]) if way == "once" else answers)
        return {name: float(value) for name, value in told.items()}

    def _check(self, name: str, answers: Answers) -> None:
        """Raises `Differs` unless these answers make the facts that the first ones made; only clocks go on."""
        facts = host_facts("server", answers, sent=0, received=0, folders=FOLDERS)
        facts = replace(facts, clock_offset=None, clock_uncertainty=0)
        # Processes come and go, and what listens on this machine is none of the host's.
        facts = replace(facts, processes=None, listeners=None, package_lists_age=None)
        self._seen = self._seen or facts
        if facts != self._seen or facts.packages is None or facts.os_id != "ubuntu":
            raise Differs(f"{name} found {facts}, not {self._seen}")
