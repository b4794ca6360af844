"""The audit as one HTML page: nothing is loaded from anywhere, everything is escaped, and it prints well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from flows.core.audit.chart import charts
from flows.core.audit.figure import drawn
from flows.core.audit.history import Past
from flows.core.audit.sheet import Audit, Sheet, every_run, sheets
from flows.core.findings import tally
from flows.core.words import table, utc

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;color:#1b1f24;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:1.8rem 0 .4rem}
table{border-collapse:collapse;width:100%;font-size:12.5px}thead{display:table-header-group}
th,td{border-bottom:1px solid #d5dae0;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:break-word}
th{background:#f1f4f7}tr{break-inside:avoid}.error td:first-child{color:#b00020;font-weight:600}
.warning td:first-child{color:#8a5300;font-weight:600}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:1rem;margin:1.5rem 0}
figure{margin:0;break-inside:avoid}figcaption{font-weight:600;font-size:13px}
svg{width:100%;height:auto}svg text{font-size:11px;fill:#444}svg path{stroke:#888;fill:none}
svg rect,svg circle{fill:#2f6fab}svg polyline{stroke:#2f6fab;fill:none;stroke-width:1.2}
@page{margin:14mm}
@media print{body{margin:0;max-width:none;font-size:10.5pt}table{font-size:8.5pt}h2{break-after:avoid}}
"""
MOST_RUNS = 1000
"""Runs that the page lists, the newest; the CSV lists all."""

MOST_ROWS = 100
"""Rows of a table in the run's artifact; the page has all."""


def page(audit: Audit, most: int = MOST_RUNS) -> str:
    """The whole page, with so many of the runs at most."""
    body = [
        f"<h1>Audit of Data Flow changes: {escape(audit.word)}</h1>",
        f"<p>Made {utc(audit.made)}. {escape(audit.scope)} {len(audit.past):,} runs; {tally(audit.findings)}.</p>",
        *(_section(sheet) for sheet in sheets(audit)),
        f'<div class="figures">{"".join(map(drawn, charts(audit.past)))}</div>',
        _section(_newest(audit.past, most)),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<title>Audit of Data Flow changes</title></head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _newest(past: Sequence[Past], most: int) -> Sheet:
    sheet = every_run(past[-most:])
    return replace(sheet, title=f"The newest {most:,} of {len(past):,} runs") if len(past) > most else sheet


def markdown(audit: Audit, most: int = MOST_ROWS) -> str:
    """The same for the run's artifact: without figures and list of runs, and with so many rows of a table at most."""
    head = f"# Audit: {audit.word}\n\nMade {utc(audit.made)}. {audit.scope} {len(audit.past):,} runs."
    return "\n\n".join((head, *(_told(sheet, most) for sheet in sheets(audit)))) + "\n"


def _told(sheet: Sheet, most: int) -> str:
    more = len(sheet.rows) - most
    rest = f"\n\nAnd {more:,} more, in the page and the CSV." if more > 0 else ""
    return f"## {sheet.title}\n\n{table(sheet.header, sheet.rows[:most]) if sheet.rows else sheet.empty}{rest}"


def _section(sheet: Sheet) -> str:
    title = f"<h2>{escape(sheet.title)}</h2>"
    if not sheet.rows:
        return f"{title}<p>{escape(sheet.empty)}</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in sheet.header)
    rows = "\n".join(f'<tr class="{escape(row[0])}">{_cells(row)}</tr>' for row in sheet.rows)
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{escape(value)}</td>" for value in row)
