"""The verdict as a table for people: one line for each table of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.core.data.verdict import Verdict

if TYPE_CHECKING:
    import pandas


def rows_frame(verdict: Verdict) -> pandas.DataFrame:
    """Table, rows before, rows after, grew, lost, verdict, why; unknown rows stay empty. The worst comes first."""
    import pandas

    worst_first = sorted(verdict.tables, key=lambda each: (-each.severity.rank, -each.word.rank))
    return pandas.DataFrame(
        {
            "table": [each.table for each in worst_first],
            "rows before": pandas.array([each.rows_before for each in worst_first], dtype="Int64"),
            "rows after": pandas.array([each.rows_after for each in worst_first], dtype="Int64"),
            "grew": [each.grew for each in worst_first],
            "lost": [each.lost for each in worst_first],
            "verdict": [str(each.word) for each in worst_first],
            "why": [each.why for each in worst_first],
        }
    )
