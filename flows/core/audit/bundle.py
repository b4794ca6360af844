"""The proof bundle of one run: its record, what the record has digests of, and the part of the log that proves it.

Whoever makes a bundle could make up all of it: the check says whether its parts belong together, and names the hash
that has to be compared with the one that Prefect keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from flows.core.audit.chain import Head, digest, entries
from flows.core.audit.disagree import differing
from flows.core.audit.plain import filled
from flows.core.audit.record import ChangeRecord, as_json, from_json, from_values
from flows.core.audit.verify import verify

RECORD, LOG, HEADS, TRANSCRIPT = "record.json", "log.txt", "heads.json", "transcript.log"
"""Files of a bundle; the others are named by the record's digests."""


@dataclass(frozen=True)
class Part:
    """Which part of the log a bundle holds: its first line, and the heads within it that were noted elsewhere."""

    first: int
    heads: tuple[Head, ...]


@dataclass(frozen=True)
class Checked:
    """What the check of a bundle found: `altered` is wrong, `notes` are what a person still has to know."""

    altered: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """For the command line."""
        return "\n".join((f"ALTERED: {'; '.join(self.altered)}" if self.altered else "unaltered", *self.notes))


def bundle(record: ChangeRecord, kept: Mapping[str, str], log: str, heads: Iterable[Head]) -> dict[str, str]:
    """The files of a bundle: `kept` are report, transcript and snapshots by name, `log` is the whole log.

    Of the log it takes the lines from the record's to the first one behind it that was noted elsewhere, else to the
    last. Raises `ValueError` when the record is not in the log.
    """
    places = {values.get("id"): link.number for link, values in entries(log) if link.fits}
    if record.id not in places:
        raise ValueError(f"the log holds no record {record.id}")
    first, noted = places[record.id], sorted(heads)
    last = next((head.number for head in noted if head.number >= first), None)
    lines = [
        line
        for line, (link, _) in zip(log.splitlines(keepends=True), entries(log), strict=True)
        if link.number >= first and (last is None or link.number <= last)
    ]
    part = Part(first, tuple(head for head in noted if head.number == last))
    return {**kept, RECORD: as_json(record), LOG: "".join(lines), HEADS: json.dumps(asdict(part), indent=1)}


def check(files: Mapping[str, str]) -> Checked:
    """Whether the files of a bundle are what they were, each named that is not. Never raises."""
    try:
        record = from_json(files[RECORD])
        part = filled(Part, json.loads(files[HEADS]))
        log = files[LOG]
    except KeyError as missing:
        return Checked((f"{missing.args[0]} is missing",), ())
    except (ValueError, TypeError) as error:
        return Checked((f"{RECORD} or {HEADS} cannot be read: {error}",), ())
    return Checked(tuple(_altered(files, record, log, part)), tuple(_notes(log, part.heads)))


def _altered(files: Mapping[str, str], record: ChangeRecord, log: str, part: Part) -> Iterator[str]:
    yield from (f"{LOG}, {fault.message}" for fault in verify(log, part.heads, part.first).faults)
    yield from _record(record, log)
    for name, wanted in digests_of(record).items():
        if name not in files:
            yield f"{name} is missing"
        elif digest(files[name]) != wanted:
            yield f"{name} is not the one that the record was made with"
    for name in sorted(files.keys() - {RECORD, LOG, HEADS, *digests_of(record)}):
        yield f"{name} was added: the record does not name it"


def _record(record: ChangeRecord, log: str) -> Iterator[str]:
    found = next((values for link, values in entries(log) if link.fits and values.get("id") == record.id), None)
    if found is None:
        yield f"{LOG} does not hold the record"
        return
    try:
        if other := differing(from_values(found), record):
            yield f"{RECORD} and {LOG} tell different things: {', '.join(other)}"
    except ValueError as error:
        yield f"the record in {LOG} cannot be read: {error}"


def digests_of(record: ChangeRecord) -> dict[str, str]:
    """What the record has digests of, by file name."""
    return {**record.digests, **({TRANSCRIPT: record.script.sha256} if record.script and record.script.sha256 else {})}


def _notes(log: str, heads: Sequence[Head]) -> Iterator[str]:
    for head in heads:
        yield f"line {head.number} must have the hash {head.hash}, as {head.where or 'it was noted elsewhere'} tells"
    if not heads:
        last = [link for link, _ in entries(log) if link.fits][-1:]
        end = f": compare line {last[0].number}, {last[0].hash}, with the log on pbx01" if last else ""
        yield f"no hash that was noted elsewhere vouches for this{end}"
