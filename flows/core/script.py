"""The vendor's script as values: its command line, and what its transcript means.

Sources: guide "Step 5", portsip.md 4.1 (unknown verbs print `[error]:` and exit 0; exit codes differ by shell).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

LAST_LINES = 500
"""Lines of a transcript that are read back; how many came before them is counted on the control node."""

_ERROR_LINE = re.compile(r"^\s*(?:\x1b\[[0-9;]*m)*\[error\]\s*:?\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class RunArguments:
    """The parameters of `dataflow.sh run`; an empty address is left out."""

    data_path: str
    private_address: str
    public_address: str
    pbx_image: str
    clickhouse_image: str


@dataclass(frozen=True)
class Transcript:
    """What the script left: redacted lines, exit code (-N: ended by signal N), start and end in seconds since 1970.

    `lines` are the last ones; `before` them came so many, and `reported` are those of all that report an error.
    """

    verb: str
    folder: str
    lines: tuple[str, ...]
    exit_code: int | None
    started: float
    ended: float | None
    before: int = 0
    reported: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many lines it has in all."""
        return self.before + len(self.lines)


def transcript_command(log: str) -> str:
    """Prints the number of lines of a log, those that report an error, an empty line, and the last lines.

    Fails where there is no such log. A transcript of a million lines costs a run no more than one of a hundred.
    """
    path = shlex.quote(log)
    reported = f"LC_ALL=C grep -ai '^[[:space:]]*\\[error\\]' {path} | tail -n 20"
    return f"wc -l < {path} && {{ {reported}; echo; tail -n {LAST_LINES} {path}; }}"


def parse_transcript(answer: str) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Lines before the last ones, lines that report an error, last lines."""
    count, *lines = answer.removesuffix("\n").split("\n")
    empty = lines.index("")
    last = tuple(lines[empty + 1 :])
    return max(int(count) - len(last), 0), tuple(lines[:empty]), last


def run_command(name: str, arguments: RunArguments) -> list[str]:
    """The command line of the guide's Step 5, to be run in the script's folder."""
    optional = (
        ("-a", arguments.private_address),
        ("-A", arguments.public_address),
        ("-i", arguments.pbx_image),
        ("-d", arguments.clickhouse_image),
    )
    return [
        *verb_command(name, "run"),
        "-p",
        arguments.data_path,
        *(word for flag, value in optional if value for word in (flag, value)),
    ]


def upgrade_command(name: str, pbx_image: str, clickhouse_image: str) -> list[str]:
    """The vendor's `upgrade`; `-i` stands first, because releases that know no `-d` drop what follows it (trap 4)."""
    return [*verb_command(name, "upgrade"), "-i", pbx_image, "-d", clickhouse_image]


def verb_command(name: str, verb: str) -> list[str]:
    """A verb of the vendor's script without parameters: start, stop, restart, rm."""
    return ["/bin/bash", name, verb]


def failure(transcript: Transcript) -> str:
    """Why the script failed, in one sentence; "" when it did not.

    A line that begins with `[error]:` is a failure whatever the exit code, because the script exits 0 on some.
    """
    lines = (*transcript.reported, *transcript.lines)
    reported = [match.group(1) for line in lines if (match := _ERROR_LINE.match(line))]
    if transcript.exit_code is None:
        return "the script has not ended"
    if transcript.exit_code < 0:
        return f"the script was ended by signal {-transcript.exit_code}"
    if reported:
        return f"the script reported an error: {reported[-1]} (exit code {transcript.exit_code})"
    if transcript.exit_code > 0:
        last = next((line for line in reversed(transcript.lines) if line.strip()), "no output")
        return f"the script ended with exit code {transcript.exit_code}; its last line: {last}"
    return ""
