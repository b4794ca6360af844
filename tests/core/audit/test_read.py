"""The log as it is read from a control node, and what the whole audit says after somebody touched it."""

from __future__ import annotations

from dataclasses import replace

from flows.core.audit.chain import Head, entries
from flows.core.audit.disagree import disagreements
from flows.core.audit.history import join
from flows.core.audit.kept import Copy
from flows.core.audit.read import lines_of, log_of
from flows.core.audit.record import ChangeRecord, as_values
from tests.core.audit.records import START
from tests.core.audit.test_chain import log
from tests.core.audit.test_history import NOW, record, run

RECORDS = tuple(record(name, START + number) for number, name in enumerate("abc"))
TEXT = log(*map(as_values, RECORDS))
HEADS = tuple(Head(link.number, link.hash, f"run {name}") for name, (link, _) in zip("abc", entries(TEXT), strict=True))


def audited(text: str, artifact: ChangeRecord = RECORDS[1]) -> list[str]:
    """Finding and message of an audit of three runs, the second one with this record in its artifact."""
    logs = [log_of("prod", lines_of(text), HEADS)]
    past = join(map(run, "abc"), logs, NOW, {r.run: [Copy(r)] for r in RECORDS} | {"b": [Copy(artifact, HEADS[1])]})
    return [f"{finding.id} {finding.message}" for finding in disagreements(past, logs)]


def test_a_log_is_read_with_its_records_and_what_is_not_understood() -> None:
    """A newer version may write to the same log."""
    newer = {**as_values(RECORDS[0]), "format": "2.0"}
    read = log_of("prod", lines_of(log(as_values(RECORDS[0]), newer)))
    assert (read.records, read.unread[0][0], read.proof and read.proof.lines) == ((RECORDS[0],), 2, 2)
    assert "update this worker" in read.unread[0][1]


def test_each_thing_that_somebody_touches_is_named() -> None:
    """The log line, the artifact and a record that was forged with all its hashes, in turn."""
    assert audited(TEXT) == []
    lines = TEXT.splitlines(keepends=True)
    forged = replace(RECORDS[1], requested_by="nobody")
    cases: list[tuple[list[str], list[str]]] = [
        (audited(TEXT, forged), ["audit.artifact-differs", "requested_by"]),
        (audited(TEXT.replace("Ada", "Eve", 1)), ["audit.chain-broken", "line 1: edited"]),
        (audited(lines[0] + lines[2]), ["audit.chain-broken", "line 2: deleted"]),
        (audited(lines[0] + lines[2]), ["audit.record-gone", "upgrade b"]),
        (audited(lines[0]), ["audit.chain-broken", "lines 2 to 3: cut off; line 3 was noted in run c"]),
        (audited(log(*map(as_values, (RECORDS[0], forged, RECORDS[2])))), ["audit.chain-broken", "written anew"]),
        (audited(""), ["audit.chain-broken", "lines 1 to 3: cut off"]),
    ]
    for found, words in cases:
        assert any(all(word in each for word in words) for each in found), (found, words)
