"""What a health check asks of a host beside the usual facts: a command and its parser side by side."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from flows.core.audit.append import last_command, parse_last
from flows.core.audit.chain import Head
from flows.core.baseline import Baseline
from flows.core.baseline import from_json as baseline_of
from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState, Phase
from flows.core.change_state import from_json as state_of
from flows.core.facts import Answers, Question, control_questions, server_questions
from flows.core.facts.clock import CLOCK_FIRST, CLOCK_LAST, CLOCK_STATE
from flows.core.facts.disks import disk_questions
from flows.core.facts.network import NETWORK
from flows.core.facts.question import read
from flows.core.numbers import STATE_FOLDER
from flows.core.stopped import KnownStop
from flows.core.stopped import from_json as stop_of

MOST_STATES = 20
"""Changes whose state is read, the newest ones."""

PARTS = """
SELECT (SELECT max(parts) FROM (SELECT count() AS parts FROM system.parts WHERE active
                                GROUP BY database, table, partition_id)) AS most_parts,
       (SELECT count() FROM system.detached_parts
        WHERE ifNull(reason, '') LIKE '%broken%' OR ifNull(reason, '') IN ('unexpected', 'noquorum')) AS set_aside
"""
"""Metadata only: it costs microseconds for each part, whatever is in them (clickhouse.md 3)."""

_NOTES = f"""f={STATE_FOLDER}; [ -e $f ] || exit 0; cd $f || exit 1
for n in change.lock stopped.json baseline.json; do
if [ -e $n ]; then echo "note-file $n"; cat $n || exit 1; echo; fi; done
if [ -e audit.log ]; then echo 'note-file audit.log'; {last_command("audit.log")}; fi
[ -d changes ] || exit 0
ls -t changes/ | head -n {MOST_STATES} | while IFS= read -r n; do
if [ -e "changes/$n/state.json" ]; then echo 'note-file state'; cat "changes/$n/state.json"; echo; fi; done"""


@dataclass(frozen=True)
class Notes:
    """What these flows keep on the control node; `states` is None when one of them cannot be read.

    `head` is that of the audit log, None where there is none or its last line is not whole.
    """

    lock: ChangeLock | None
    stop: KnownStop | None
    baseline: Baseline | None
    states: tuple[ChangeState, ...] | None
    head: Head | None = None

    @property
    def left_open(self) -> tuple[ChangeState, ...] | None:
        """The changes that nobody closed and that hold no lock."""
        if self.states is None:
            return None
        held = (self.lock.change or self.lock.run) if self.lock else ""
        return tuple(state for state in self.states if state.phase is not Phase.CLOSED and state.id != held)


def of_control(folder: str, script: str) -> tuple[Question, ...]:
    """Everything to ask of the control node."""
    wanted = ("variables", "ha-status")
    about = [each for each in control_questions(folder, script, "", "") if each.name in wanted]
    return (*CLOCK_FIRST, *CLOCK_STATE, NETWORK[0], *about, Question("notes", _NOTES), *CLOCK_LAST)


def of_server(data_path: str, folders: Sequence[str]) -> tuple[Question, ...]:
    """Everything to ask of the server; no file of the data is touched."""
    log = shlex.quote(f"{data_path}/clickhouse/log")
    points = [each for each in server_questions(data_path) if each.name == "restore-points"]
    mine = (
        Question("log", f"if sudo -n test -d {log}; then sudo -n du -s -B1 {log}; else sudo -n true && echo 0; fi"),
        Question("inodes", f"stat -f -c '%c %d' {shlex.quote(data_path)}"),
    )
    return (*CLOCK_FIRST, *CLOCK_STATE, *disk_questions(folders), *points, *mine, *CLOCK_LAST)


def log_bytes(answers: Answers) -> int | None:
    """What ClickHouse's log folder takes on the disk; None: could not be looked at."""
    return read(answers, "log", lambda text: int(text.split()[0]))


def inodes(answers: Answers) -> tuple[int, int] | None:
    """All inodes and the free ones; a file system that counts none has no room problem of that kind: (0, 0)."""

    def parse(text: str) -> tuple[int, int]:
        total, free = text.split()
        return int(total), int(free)

    return read(answers, "inodes", parse)


def notes(answers: Answers) -> Notes | None:
    """What the control node keeps; None when it could not be read, or the lock or the baseline makes no sense."""
    return read(answers, "notes", _notes)


def _notes(text: str) -> Notes:
    parts = re.split(r"^note-file (\S+)\n", text, flags=re.MULTILINE)[1:]
    found = list(zip(parts[::2], parts[1::2], strict=True))
    single = {name: words for name, words in found if name != "state"}
    lock, stop, baseline = (single.get(name, "") for name in ("change.lock", "stopped.json", "baseline.json"))
    return Notes(
        ChangeLock(**json.loads(lock)) if lock.strip() else None,
        stop_of(stop),
        baseline_of(baseline) if baseline else None,
        _states([words for name, words in found if name == "state"]),
        parse_last(single.get("audit.log", "")),
    )


def _states(texts: Sequence[str]) -> tuple[ChangeState, ...] | None:
    try:
        return tuple(state_of(text) for text in texts)
    except (TypeError, ValueError):
        return None
