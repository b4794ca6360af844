"""What comes out of an audit: a page that loads nothing and breaks at no text, and tables for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

from flows.core.audit.chart import charts
from flows.core.audit.disagree import disagreements
from flows.core.audit.figure import bars, points
from flows.core.audit.figure import drawn as drawing
from flows.core.audit.history import Log, join
from flows.core.audit.page import markdown, page
from flows.core.audit.sheet import RUN_COLUMNS, Audit, csv_text, every_run, run_values, sheets
from flows.core.audit.verify import verify
from flows.core.words import utc
from tests.core.audit.records import START, past
from tests.core.audit.test_history import NOW, record, run

EVIL = '<script>alert("x")</script> & | `'
FIRST = replace(record("first"), requested_by=EVIL, name=EVIL, ticket='=cmd("x")')
LOG = Log("prod", verify(""), (FIRST, past("lost", cluster="prod")))
RUNS = [replace(run("first"), name=EVIL), run("dead", "CRASHED", START + 86400 * 40, message=EVIL)]
PAST = join(RUNS, [LOG], NOW)
AUDIT = Audit(NOW, f"Clusters: {EVIL}.", PAST, (LOG, Log("test", trouble="timed out")), disagreements(PAST, [LOG]))


class Tags(HTMLParser):
    """Collects the tags of a page, their attributes, and checks that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open it, unless it is one that never closes."""
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the one that was opened last."""
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing() -> None:
    """It is opened from a file years later, perhaps without a network."""
    tags = Tags(page(AUDIT))
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "iframe", "object", "a"}
    assert not {name for name in tags.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert not re.search(r"https?:|url\(|@import", page(AUDIT))


def test_no_text_breaks_the_page_or_the_artifact() -> None:
    """Names and messages come from people and hosts."""
    assert EVIL not in page(AUDIT)
    assert page(AUDIT).count("&lt;script&gt;") >= 3
    lines = markdown(AUDIT).splitlines()
    assert all(line.endswith("|") for line in lines if line.startswith("|"))


def test_the_page_tells_disagreements_first_and_every_run_last() -> None:
    """With each question's answer in between, and a word where there is nothing."""
    titles = re.findall(r"<h2>([^<]+)</h2>", page(AUDIT))
    assert titles == [*(sheet.title for sheet in sheets(AUDIT)), "All runs"]
    assert titles[0] == "Disagreements"
    assert "the sources agree, with open questions" in page(AUDIT)
    assert "not read: timed out" in page(AUDIT)
    assert [row[:3] for row in every_run(PAST).rows][-1] == (
        "2027-02-24 08:00:00+00:00",
        "prod",
        EVIL[:0] + "upgrade dead",
    )


def test_years_of_runs_do_not_bury_the_page() -> None:
    """The page lists the newest runs and the artifact the first rows, and says that there are more."""
    made = (replace(FIRST, run=f"r{number}", started=utc(START + number)) for number in range(12))
    many = join([], [Log("prod", records=tuple(made))], NOW)
    audit = Audit(NOW, "All clusters.", many)
    listed = page(audit, 10).partition("<h2>The newest 10 of 12 runs</h2>")[2]
    assert listed.count("<tr") == 11
    assert utc(START + 11) in listed
    assert "And 2 more, in the page and the CSV." in markdown(audit, 10)


def test_an_audit_of_nothing_is_a_page_all_the_same() -> None:
    """A new server, or filters that nothing meets."""
    empty = Audit(NOW, "All clusters.")
    assert empty.word == "the sources agree"
    assert "Prefect, logs and hosts tell the same." in page(empty)
    assert "<svg" not in page(empty)
    assert "None." in markdown(empty)
    assert csv_text(()) == ",".join(RUN_COLUMNS) + "\r\n"


def test_the_csv_has_one_line_for_each_run_and_no_formula() -> None:
    """As a spreadsheet reads it."""
    rows = list(csv.DictReader(io.StringIO(csv_text(map(run_values, PAST)))))
    assert [row["run"] for row in rows] == [each.id for each in PAST]
    first = next(row for row in rows if row["run"] == "first")
    assert first["ticket"] == '\'=cmd("x")'
    assert (first["requested_by"], first["downtime_s"], first["rows_before"]) == (EVIL, "31.25", "100")
    assert (first["rows_lost"], first["approved_by"], first["lowered"]) == ("0", "Grace", "host.memory")
    dead = next(row for row in rows if row["run"] == "dead")
    assert (dead["requested_by"], dead["downtime_s"], dead["ending"]) == ("", "", "its process died")


def test_rows_that_nobody_counted_are_not_taken_for_none() -> None:
    """An install knows no rows before; an empty table had 0."""
    (row,) = record("r").rows
    unknown, empty = record("r", rows=(replace(row, before=None),)), record("r", rows=(replace(row, before=0),))
    values = [
        csv.DictReader(io.StringIO(csv_text(map(run_values, join([], [Log("prod", records=(each,))], NOW)))))
        for each in (unknown, empty)
    ]
    assert [next(each)["rows_before"] for each in values] == ["", "0"]


def test_figures_are_drawings_that_stay_within_their_frame() -> None:
    """One value as well as many, and none draws nothing."""
    many = [(START + number * 86400.0, float(number % 7)) for number in range(400)]
    for drawn in (
        bars("b", {EVIL: 3, "y": 0}),
        points("p", many),
        points("p", [(START, 0.0)]),
        *map(drawing, charts(PAST)),
    ):
        if not drawn:
            continue
        svg = ElementTree.fromstring(drawn)
        for name, most in (("x", 640), ("cx", 640), ("y", 200), ("cy", 200)):
            assert all(0 <= float(each.get(name, 0)) <= most for each in svg.iter())
    assert (bars("b", {}), points("p", [])) == ("", "")
    assert charts(()) == ()
    assert sum(drawn.count("<polyline") for drawn in map(drawing, charts(PAST))) == 1
