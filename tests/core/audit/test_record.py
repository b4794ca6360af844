"""The record of a change: all that its report knows, in a text that later versions can read."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

import flows
from flows.core.audit.make import record_of
from flows.core.audit.record import (
    FORMAT,
    ChangeRecord,
    Found,
    Rows,
    Script,
    Stage,
    Trigger,
    as_json,
    as_values,
    from_json,
)
from flows.core.change import Approval, Order
from flows.core.change_state import Image, Images
from flows.core.plan import Step
from flows.core.report import Report
from flows.core.tables import Table, Tables
from tests.core.audit.records import NEW, PBX, REPORT, TOLD, record

DATA = Path(__file__).parents[2] / "data"
"""Has one record of each format, as the version wrote it that was the first to know it; none is ever written anew."""


def test_a_record_holds_what_an_auditor_asks_for() -> None:
    """Who, why, from which version to which, what was lost, how long it was down, and what came of it."""
    made = record()
    assert (made.id, made.run, made.attempt, made.change) == ("run-1-2-done", "run-1", 2, "c-1")
    assert (made.requested_by, made.ticket, made.trigger) == ("Ada", "CHG-1", TOLD.trigger)
    assert made.approval == REPORT.approval
    assert made.parameters == {
        "dry_run": "False",
        "lowered": "host.memory",
        "on_failure": "stop",
        "outside_window": "override",
    }
    assert [found.id for found in made.lowered] == ["host.memory"]
    assert (made.outside_window, made.changed, made.late) == (True, True, False)
    assert REPORT.plan
    assert (made.plan, made.target) == (REPORT.plan.hash, "192.168.1.26:/d p c")
    assert made.before and made.before.clickhouse.version == "24.8.1"
    assert made.after and (made.after.pbx.version, made.after.clickhouse.version) == ("22.3.0", "25.8.1")
    assert made.wanted and made.wanted.clickhouse == NEW
    assert [(r.table, r.before, r.after, r.lost, r.verdict) for r in made.rows] == [
        ("default.cdr", 100, 103, 0, "GREW")
    ]
    assert (made.verdict, made.downtime, made.outcome, made.digests) == ("GREW", 31.25, "done", {**TOLD.digests})
    assert [(s.step, s.result, s.seconds) for s in made.stages] == [
        ("look", "looked", 0.4),
        ("upgrade", "changed", 20.123),
        ("settle", "failed", 5.0),
    ]
    assert (made.started, made.ended) == ("2027-01-15 08:00:00+00:00", "2027-01-15 08:02:05+00:00")


def test_the_digest_of_the_transcript_is_the_one_that_the_control_node_tells() -> None:
    """So that `sha256sum` there tells whether it was altered; where it was not told, nothing is made up."""
    script = record().script
    assert script
    assert (script.sha256, script.lines) == (hashlib.sha256(b"begin\ndone\n").hexdigest(), 2)
    unknown = record(told=replace(TOLD, transcript="")).script
    assert unknown and unknown.sha256 == ""


def test_no_secret_gets_into_a_record() -> None:
    """Each of its texts is masked, at any depth, but the ids that we made up: runs are joined by them."""
    assert "hunter2" not in as_json(record())
    assert record().steps[0].title == "run the script, password ***"
    short = record_of(REPORT, TOLD, lambda text: text.replace("1", "***"))
    assert (short.run, short.id, short.change, short.digests) == ("run-1", "run-1-2-done", "c-1", {**TOLD.digests})


def test_a_run_that_ended_early_makes_a_record_all_the_same() -> None:
    """With nothing claimed of what nobody looked at."""
    bare = record(Report(Order("install", "prod", True, (), "", ""), "install prod", "", 0.0, result="refused"))
    assert (bare.outcome, bare.rows, bare.before, bare.after, bare.script, bare.downtime) == (
        *("refused", (), None, None),
        *(None, None),
    )
    assert not bare.changed


def test_an_install_has_rows_without_a_verdict() -> None:
    """There is nothing to compare with."""
    tables = Tables("25.8.1", "u", (Table("default", "cdr", "MergeTree", 7, 1, 1),))
    made = record(replace(REPORT, change=None, proof=None, tables=tables))
    assert [(row.table, row.before, row.after, row.verdict) for row in made.rows] == [("default.cdr", None, 7, "")]
    assert made.engine_after == "25.8.1"
    assert made.after and (made.after.pbx.id, made.after.pbx.version) == (PBX.id, "")


def test_a_record_comes_back_as_it_was() -> None:
    """With its types, and late ones are marked."""
    for made in (record(), record(told=replace(TOLD, late=True)), ChangeRecord("i", "r", "c", "k", "o", "s", "e")):
        assert from_json(as_json(made)) == made


def test_the_record_of_the_first_format_is_read_for_ever() -> None:
    """Whatever is added to the record later."""
    stored = from_json((DATA / "change-record-1.0.json").read_text())
    assert (stored.run, stored.kind, stored.trigger.how) == ("run-1", "upgrade", "schedule")
    assert stored.approval and stored.approval.name == "Grace"
    assert stored.script and stored.rows[0].after == 103


def test_a_change_of_the_record_is_noticed_here() -> None:
    """A new field needs a default, a higher second number and a file beside this one; what misleads, a higher first."""
    latest = DATA / f"change-record-{FORMAT}.json"
    assert json.loads(as_json(record())) == json.loads(latest.read_text())
    assert all(from_json(each.read_text()).run == "run-1" for each in DATA.glob("change-record-*.json"))


def test_a_reader_passes_over_what_a_newer_version_added() -> None:
    """Beside the record as well as inside it; what was left out has its default."""
    values = {**as_values(record()), "format": "1.7", "mood": "good"}
    values["trigger"] = {"how": "schedule", "colour": "red"}
    assert from_json(json.dumps(values)).trigger == Trigger("schedule")
    least = dict.fromkeys(("id", "run", "cluster", "kind", "outcome", "started", "ended"), "x")
    assert from_json(json.dumps({"format": "1.0", **least})).rows == ()


def test_what_cannot_be_understood_is_refused_in_words() -> None:
    """Nothing is guessed."""
    values = as_values(record())
    cases: list[tuple[object, str]] = [
        ({**values, "format": "2.0"}, r"a newer version of these flows wrote it \(format 2.0\): update this worker"),
        ({**values, "format": 1}, "not the record of a change"),
        ({}, "not the record of a change"),
        ([], "not the record of a change"),
        ({"format": "1.0", "id": "x"}, "ChangeRecord lacks cluster, ended, kind, outcome, run, started"),
        ({**values, "attempt": "2"}, "there is '2' where int should be"),
        ({**values, "attempt": True}, "there is True where int should be"),
        ({**values, "rows": {"a": 1}}, "where several values should be"),
        ({**values, "rows": [7]}, "there is 7 where a Rows should be"),
        ({**values, "script": {"verb": "run"}}, "Script lacks exit_code, folder, lines, sha256"),
    ]
    for each, said in cases:
        with pytest.raises(ValueError, match=said):
            from_json(json.dumps(each))


def test_every_field_of_a_record_is_documented() -> None:
    """The schema is for other programs, too; nothing in it is named that is not there."""
    text = (Path(flows.__file__).parent / "AUDIT.md").read_text()
    kinds = (ChangeRecord, Trigger, Approval, Found, Step, Stage, Image, Images, Rows, Script)
    told = set(
        re.findall(
            r"`(\w+)`", text.partition("# The record of a change")[2].partition("# The log")[0].partition("|---|")[2]
        )
    )
    assert told - {"pbx01"} == {each.name for kind in kinds for each in fields(kind)}
    assert f"`format` is `{FORMAT}`" in text
