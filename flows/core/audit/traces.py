"""Traces that the vendor's script leaves whoever starts it, and our own of the runs that started it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime

from flows.core.audit.history import Trace

_TRACE = re.compile(r"^(\d+)(?:\.\d+)? (/.+)$", re.MULTILINE)
_RUN = re.compile(r"/runs/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[^/]*/state\.json")


def control_command(state_folder: str, script_folder: str) -> str:
    """On pbx01: prints when the script of each run of ours ended, and when the script wrote its own files there."""
    ours, theirs = shlex.quote(f"{state_folder}/runs"), shlex.quote(script_folder)
    return (
        f"find {ours} -mindepth 2 -maxdepth 2 -name state.json -printf '%T@ %p\\n' 2>/dev/null\n"
        f"find {theirs} -maxdepth 1 -type f -name '.dataflow*' -printf '%T@ %p\\n' 2>/dev/null\n"
        "true"
    )


def server_command() -> str:
    """On the server: prints when the script recorded its parameters there; looks as root where that is allowed."""
    return (
        "if sudo -n true 2>/dev/null; then s='sudo -n'; else s=; fi\n"
        "$s find /opt /root /home -maxdepth 5 -name .configure_dataflow -printf '%T@ %p\\n' 2>/dev/null\n"
        "true"
    )


def traces(answer: str, host: str) -> tuple[Trace, ...]:
    """What either command printed; anything else that stands there is passed over."""
    return tuple(
        Trace(float(at), f"the script left {place} on {host}", run[1] if (run := _RUN.search(place)) else "")
        for at, place in _TRACE.findall(answer)
    )


def made(containers: Mapping[str, str]) -> Iterator[Trace]:
    """The containers of the service by name, and when they were created, as Docker tells it."""
    for name, at in containers.items():
        # Docker tells nanoseconds, of which Python reads six digits.
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", at))
        yield Trace(moment.timestamp(), f"the container {name} was made on the server")
