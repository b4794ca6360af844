"""Reads the log of a control node: its proof, its records, and the lines that this version does not understand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flows.core.audit.chain import Head, Link, canonical, digest, entries
from flows.core.audit.history import Log, Trace
from flows.core.audit.record import ChangeRecord, from_values
from flows.core.audit.verify import prove


@dataclass(frozen=True)
class Lines:
    """A log as it speaks for itself: its chain, its records, and which lines are not understood, by number and why.

    `by_text` are the records by the digest of their canonical text, for copies of them that are kept elsewhere.
    """

    links: tuple[Link, ...]
    records: tuple[ChangeRecord, ...]
    unread: tuple[tuple[int, str], ...]
    by_text: Mapping[str, ChangeRecord]


def lines_of(text: str) -> Lines:
    """The whole log in one go; a line that was edited is no record, whatever it says."""
    links: list[Link] = []
    records: list[ChangeRecord] = []
    unread: list[tuple[int, str]] = []
    by_text: dict[str, ChangeRecord] = {}
    for link, values in entries(text):
        links.append(link)
        if not link.fits:
            continue
        try:
            record = from_values(values)
        except ValueError as error:
            unread.append((link.number, str(error)))
            continue
        records.append(record)
        by_text[digest(canonical(values))] = record
    return Lines(tuple(links), tuple(records), tuple(unread), by_text)


def log_of(
    cluster: str, lines: Lines, heads: Iterable[Head] = (), traces: tuple[Trace, ...] = (), untraced: str = ""
) -> Log:
    """The log with its proof, by the heads of it that were noted elsewhere."""
    return Log(cluster, prove(lines.links, heads), lines.records, traces, lines.unread, untraced=untraced)
