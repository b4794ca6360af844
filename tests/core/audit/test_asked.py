"""An audit answers what it was asked for, and still knows everything else when it looks for disagreements."""

from __future__ import annotations

import pytest

from flows.core.audit.asked import Asked, Gathered, audited
from flows.core.audit.ending import End
from flows.core.audit.history import Trace
from flows.core.audit.kept import Copy
from flows.core.window import Window
from tests.core.audit.records import START
from tests.core.audit.test_history import HOUR, NOW, of, record, run

DAY = 24 * HOUR
RECORDS = [record("a"), record("b", START + DAY, kind="stop"), record("c", START + 2 * DAY, outcome="failed")]
LOST = run("d", at=START + 3 * DAY, flow="control-data-flow", cluster="lab")
RUNS = (run("a"), run("b", at=START + DAY), run("c", "FAILED", START + 2 * DAY), LOST)


def shown(asked: Asked) -> list[str]:
    """The runs that an audit of two clusters shows; the second one has no log."""
    return [each.id for each in audited(Gathered(RUNS, (of(*RECORDS),)), asked, NOW).past]


def test_an_audit_shows_what_it_was_asked_for() -> None:
    """Days are whole days of UTC; without a word everything is shown."""
    cases: list[tuple[Asked, list[str]]] = [
        (Asked(), ["a", "b", "c", "d"]),
        (Asked(clusters=("prod",)), ["a", "b", "c"]),
        (Asked(kinds=("upgrade",)), ["a", "c"]),
        (Asked(kinds=("stop",)), ["b", "d"]),
        (Asked(outcomes=(End.FAILED,)), ["c"]),
        (Asked(since="2027-01-16", until="2027-01-16"), ["b"]),
        (Asked(until="2027-01-15"), ["a"]),
    ]
    for asked, wanted in cases:
        assert shown(asked) == wanted, asked
    assert str(Asked()) == "Asked for everything."
    assert str(Asked(("prod",), "2027-01-16", kinds=("stop",))) == (
        "Asked for clusters: prod; kinds: stop; from 2027-01-16."
    )
    for day in ({"since": "2027-02-31"}, {"until": "2027-02-31"}):  # before any source is asked
        with pytest.raises(ValueError, match=r"2027-02-31 is no day .*write it as 2027-01-31"):
            Asked(**day)


def test_what_is_not_shown_still_explains_what_was_found() -> None:
    """The trace of a run that was not asked for is no handwork; a cluster that was not asked for has no findings."""
    traces = (Trace(START + 30, "containers were made"),)
    copies = {each.run: [Copy(each)] for each in RECORDS}
    gathered = Gathered(RUNS, (of(*RECORDS, traces=traces),), copies, windows={"prod": Window()})
    made = audited(gathered, Asked(("prod",), kinds=("stop",)), NOW)
    assert (made.findings, [each.id for each in made.past], made.windows) == ((), ["b"], {"prod": Window()})
    assert [finding.id for finding in audited(gathered, Asked(), NOW).findings] == ["audit.no-log"]
