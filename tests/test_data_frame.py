"""The verdict as a table for people; not in tests/core, whose two seconds the import of pandas would spend alone."""

from __future__ import annotations

from flows.core.data.frame import rows_frame
from flows.core.data.verdict import TableVerdict, Verdict, Word


def test_the_table_for_people_has_the_worst_first() -> None:
    """Unknown rows stay empty."""
    fine, lost = (TableVerdict(f"default.{word}", word, 100, 95, 0, 5, "") for word in (Word.OK, Word.LOST))
    frame = rows_frame(Verdict((fine, lost, TableVerdict("v", Word.OK, None, None, 0, 0, "view"))))
    assert list(frame.columns) == ["table", "rows before", "rows after", "grew", "lost", "verdict", "why"]
    assert frame["verdict"].tolist() == ["LOST", "OK", "OK"]
    assert frame["rows before"].isna().tolist() == [False, False, True]
