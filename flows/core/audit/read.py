"""Reads the log of a control node: its proof, its records, and the lines that this version does not understand."""

from __future__ import annotations

from collections.abc import Iterable

from flows.core.audit.chain import Head, Link, entries
from flows.core.audit.history import Log, Trace
from flows.core.audit.record import ChangeRecord, from_values
from flows.core.audit.verify import prove


def log_of(cluster: str, text: str, heads: Iterable[Head] = (), traces: tuple[Trace, ...] = ()) -> Log:
    """The whole log in one go; a line that was edited is no record, whatever it says."""
    links: list[Link] = []
    records: list[ChangeRecord] = []
    unread: list[tuple[int, str]] = []
    for link, values in entries(text):
        links.append(link)
        if not link.fits:
            continue
        try:
            records.append(from_values(values))
        except ValueError as error:
            unread.append((link.number, str(error)))
    return Log(cluster, prove(links, heads), tuple(records), traces, tuple(unread))
