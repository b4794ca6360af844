"""Reads the log of a control node: its proof, its records, and the lines that this version does not understand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flows.core.audit.chain import Head, Link, entries
from flows.core.audit.history import Log, Trace
from flows.core.audit.record import ChangeRecord, from_values
from flows.core.audit.verify import prove


@dataclass(frozen=True)
class Lines:
    """A log as it speaks for itself: its chain, its records, and which lines are not understood, by number and why."""

    links: tuple[Link, ...]
    records: tuple[ChangeRecord, ...]
    unread: tuple[tuple[int, str], ...]


def lines_of(text: str) -> Lines:
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
    return Lines(tuple(links), tuple(records), tuple(unread))


def log_of(
    cluster: str, lines: Lines, heads: Iterable[Head] = (), traces: tuple[Trace, ...] = (), untraced: str = ""
) -> Log:
    """The log with its proof, by the heads of it that were noted elsewhere."""
    return Log(cluster, prove(lines.links, heads), lines.records, traces, lines.unread, untraced=untraced)
