"""What ClickHouse's own error log says about a service that is not up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from datetime import datetime

from flows.core.redact import redact
from flows.core.words import duration

_READ = 65_536  # bytes at the end; a reason with its stack trace is some 4,000
_LONGEST = 400
_LINE = re.compile(r"(?m)^(\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d)\.\d+ \[ \d+ \] \{[^}]*\} <(\w+)> (.*)$")


def log_command(data_path: str) -> str:
    """Shell text that prints how many seconds ago the error log was written last, and its end; nothing without one."""
    return (
        f"f={shlex.quote(f'{data_path}/clickhouse/log/clickhouse-server.err.log')}; "
        f'[ -e "$f" ] || exit 0; echo $(($(date +%s) - $(stat -c %Y "$f"))); tail -c {_READ} "$f"'
    )


def why_it_ended(answer: str, within: float, secrets: Iterable[str] = ()) -> str:
    """The last reason for which ClickHouse gave up, if that was in the last `within` seconds, without secrets; else "".

    `answer` is what `log_command` printed. Lines of the log bear the time of the container, whose zone nobody knows:
    how old one is, is told by the last line, which is as old as the file.
    """
    idle, _, log = answer.partition("\n")
    lines = _LINE.findall(log) if idle.isdigit() else []
    for stamp, level, text in reversed(lines):
        if level in ("Error", "Fatal") and text.startswith("Application: "):
            age = int(idle) + (_time(lines[-1][0]) - _time(stamp)).total_seconds()
            reason = redact(text.removeprefix("Application: "), secrets).partition(", Stack trace")[0][:_LONGEST]
            return f"ClickHouse gave up {duration(age)} before, as its log says: {reason}" if age <= within else ""
    return ""


def _time(stamp: str) -> datetime:
    return datetime.strptime(stamp, "%Y.%m.%d %H:%M:%S")
