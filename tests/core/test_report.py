"""The report: whatever a run got to know stands in it, in an order that people read, and no text breaks its form."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flows.core.change import Order, Outcome
from flows.core.findings import Finding, Level
from flows.core.installed import Service
from flows.core.plan import Plan, Step
from flows.core.report import LAST_LINES, Report, Timed, markdown, summary
from flows.core.script import Transcript
from flows.core.tables import Table, Tables
from tests.core.healthy import CLICKHOUSE, DATAFLOW

ORDER = Order("install", "prod-eu", False, (), "Ada", "CHG-1")
BARE = Report(ORDER, "install prod-eu", "", 1_800_000_000.0)
FULL = replace(
    BARE,
    run_link="http://ui/run/1",
    requirements="the guide of December 2025",
    findings=(
        Finding("host.vpn", Level.NOTE, "none", "nothing", "Step 1"),
        Finding("host.memory", Level.WARNING, "15 GiB", "give it more", "Hardware", lowered=True),
    ),
    plan=Plan(
        "install", "192.168.1.26:/d p:1 c:1", (Step("token", "generate", True), Step("ssh-key", "is there", False))
    ),
    steps=(
        Timed("look", Outcome("look", None, "3 hosts"), 0.4),
        Timed("token", Outcome("token", True, "generated"), 2.0),
        Timed("ssh-key", Outcome("ssh-key", False, "logs in"), 1.0),
    ),
    transcript=Transcript("run", "/var/lib/x/runs/1", ("begin", "done"), 0, 1_800_000_010.0, 1_800_000_100.0),
    service=Service(CLICKHOUSE, replace(DATAFLOW, digests=("p@sha256:2",))),
    tables=Tables("25.8.1.1", "u-1", (Table("default", "cdr", "MergeTree", 200_000, 4096, 3),)),
    ended=1_800_000_125.0,
    result="done",
    lock="given back",
)
SECTIONS = ["Steps", "Preflight", "Plan", "Service", "Rows", "Script"]


def sections(report: Report) -> list[str]:
    """First words of the headings below the title."""
    return re.findall(r"^## (\w+)", markdown(report), re.MULTILINE)


def test_a_run_that_ended_early_has_only_its_head() -> None:
    """Nothing is claimed of what nobody looked at."""
    text = markdown(replace(BARE, result="failed", problem="pbx01: tried connecting; got: timed out."))
    assert text.startswith(
        "# install prod-eu: failed\n\n**What went wrong:** pbx01: tried connecting; got: timed out.\n"
    )
    assert sections(BARE) == []


def test_a_whole_run_has_every_section_in_order() -> None:
    """What was done, found, planned and seen."""
    assert sections(FULL) == SECTIONS


def test_the_head_says_who_why_when_and_by_which_figures() -> None:
    """What an auditor asks years later."""
    head = markdown(FULL).partition("## ")[0]
    for fact in (
        *("| Cluster | prod-eu |", "| Requested by | Ada |", "| Ticket | CHG-1 |", "| Lock | given back |"),
        *("| Run | [install prod-eu](http://ui/run/1) |", "| Started | 2027-01-15 08:00:00+00:00 |"),
        *("(after 2 min 5 s)", "| Judged by | the guide of December 2025 |"),
    ):
        assert fact in head
    nameless = markdown(replace(BARE, order=replace(ORDER, requested_by="", ticket="")))
    assert "| Requested by | not said |" in nameless
    assert "| Ticket | none |" in nameless


def test_findings_stand_by_level_and_say_that_they_were_lowered() -> None:
    """The most important first."""
    rows = re.findall(r"^\| (\S+(?: \(lowered\))?) \| `(\S+)` \|", markdown(FULL), re.MULTILINE)
    assert rows == [("warning (lowered)", "host.memory"), ("note", "host.vpn")]
    assert "Every rule of the guide is met." in markdown(replace(BARE, findings=()))


def test_a_step_says_how_it_ended_and_how_long_it_took() -> None:
    """Also one that failed."""
    text = markdown(replace(FULL, steps=(*FULL.steps, Timed("recreate", None, 61.0))))
    assert "| token | changed | generated | 2.0\N{NO-BREAK SPACE}s |" in text
    assert "| ssh-key | already so | logs in | 1.0\N{NO-BREAK SPACE}s |" in text
    assert (
        "| recreate | **failed** | see above | 1\N{NO-BREAK SPACE}min\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}s |" in text
    )


def test_the_service_is_told_by_digest() -> None:
    """By its id where no registry ever gave a digest."""
    text = markdown(FULL)
    assert "| portsip.clickhouse | portsip/clickhouse:25.8 | healthy | 0 |" in text
    assert "| portsip.dataflow | portsip/pbx:22 | no check | 0 |" in text
    assert "- portsip.clickhouse: `sha256:1`\n- portsip.dataflow: `p@sha256:2`\n" in text


def test_rows_that_are_not_known_are_not_shown_as_zero() -> None:
    """A table whose engine cannot tell."""
    unknown = replace(FULL, tables=Tables("25.8", "u", (Table("default", "log", "File", None, 0, 0),)))
    assert "| default.log | File | not known | 0 B | 0 |" in markdown(unknown)
    assert "| default.cdr | MergeTree | 200,000 | 4.0 KiB | 3 |" in markdown(FULL)


def test_only_the_scripts_last_lines_are_shown_with_the_place_of_all() -> None:
    """A report stays readable after ten thousand lines."""
    lines = tuple(f"line {number}" for number in range(LAST_LINES + 5))
    text = markdown(replace(FULL, transcript=replace(FULL.transcript or Transcript("", "", (), 0, 0, 0), lines=lines)))
    assert "line 4\n" not in text and "line 5\n" in text
    assert f"({len(lines)} lines, secrets masked) is `/var/lib/x/runs/1/log` on pbx01." in text
    assert "exit code 0, 1 min 30 s" in text


def test_a_script_that_still_runs_has_no_end() -> None:
    """No duration is made up."""
    running = Transcript("run", "/f", (), None, 5.0, None)
    assert "no exit code, not ended" in markdown(replace(FULL, transcript=running))


def test_the_summary_is_one_line_of_what_changed_and_what_was_seen() -> None:
    """It becomes the message of the run's state."""
    assert summary(FULL) == "changed: token; 1 tables, 200,000 rows"
    assert summary(BARE) == "nothing to change: everything was already so"


def test_the_summary_of_a_dry_run_says_what_would_change() -> None:
    """And that nothing did."""
    dry = replace(FULL, order=replace(ORDER, dry_run=True), steps=())
    assert summary(dry) == "dry run: nothing was changed; would change token"
    assert summary(replace(dry, plan=None)) == "dry run: nothing was changed; would change nothing"


@given(st.text("a|\\\n\r\x0b\x85\u2028`#*_<>[]() é漢😀"))
def test_no_text_adds_a_section_or_breaks_a_table(text: str) -> None:
    """What systems answer goes into cells; it cannot look like a part of the report itself."""
    report = replace(
        FULL,
        findings=(Finding("host.vpn", Level.NOTE, text, text, text),),
        steps=(Timed("look", Outcome("look", None, text), 1.0),),
        tables=Tables("25.8", "u", (Table(text, text, text, None, 0, 0),)),
        service=Service(replace(CLICKHOUSE, image=text), None),
    )
    assert sections(report) == SECTIONS
    for block in markdown(report).split("\n\n"):
        if block.startswith("| "):
            widths = {
                len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in re.split(r"\r\n|\r|\n", block.rstrip("\n"))
            }
            assert len(widths) == 1


FENCES: list[str] = ["```", "```text", "  ````", "~~~"]


def test_no_line_of_the_script_ends_its_block() -> None:
    """A log that prints a fence of its own stays inside ours."""
    for line in FENCES:
        report = replace(FULL, transcript=Transcript("run", "/f", ("begin", line, "## Rows"), 0, 0.0, 1.0))
        shown = markdown(report).partition("## Script")[2]
        fence = re.search(r"^(`{3,})text$", shown, re.MULTILINE)
        assert fence is not None
        assert not line.strip().startswith(fence[1])
