"""The audit's runs as a table of pandas, for whoever goes on calculating with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from flows.core.audit.sheet import RUN_COLUMNS

_TIMES = ("started", "ended", "approved_at")
_WHOLE = ("rows_before", "rows_after", "rows_lost", "script_exit_code", "attempts")
_NUMBERS = ("downtime_s", "duration_s")


def frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """One row for each run (`run_values`), the columns as in the CSV; times, numbers and truths as what they are."""
    table = pd.DataFrame(rows, columns=list(RUN_COLUMNS))
    for names, kind in ((_WHOLE, "Int64"), (_NUMBERS, "Float64"), (("outside_window",), "boolean")):
        table = table.astype(dict.fromkeys(names, kind))
    for name in _TIMES:
        table[name] = pd.to_datetime(table[name], utc=True)
    texts = [name for name in RUN_COLUMNS if table[name].dtype == object]
    return table.astype(dict.fromkeys(texts, "string"))
