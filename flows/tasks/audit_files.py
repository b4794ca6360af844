"""Writes an audit into a folder of the worker: a page, a CSV, and Parquet and plots where their libraries are there."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from prefect.settings import PREFECT_HOME

from flows.core.audit.chart import Chart, charts
from flows.core.audit.page import page
from flows.core.audit.sheet import Audit, csv_text, run_values

PAGE, TABLE, PARQUET = "audit.html", "audit.csv", "audit.parquet"


def folder_of(chosen: str, made: float) -> Path:
    """Where the audit of this time (seconds since 1970) goes: a folder of its own, so that none replaces another."""
    above = Path(chosen).expanduser() if chosen else PREFECT_HOME.value() / "data-flow-audits"
    return above / f"{datetime.fromtimestamp(made, UTC):%Y-%m-%dT%H%M%SZ}"


def write_files(folder: Path, audit: Audit) -> tuple[str, ...]:
    """Write all files; returns their names, the page first. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / PAGE).write_text(page(audit), encoding="utf-8")
    rows = [run_values(each) for each in audit.past]
    (folder / TABLE).write_text(csv_text(rows), encoding="utf-8", newline="")
    return (PAGE, TABLE, *_parquet(folder, rows), *_plots(folder, audit))


def load() -> None:
    """Load what the files need; it takes three seconds, and who waits for a server has them."""
    if find_spec("pyarrow"):
        importlib.import_module("pyarrow.parquet")
        importlib.import_module("flows.core.audit.frame")
    if find_spec("matplotlib"):
        importlib.import_module("matplotlib.figure")
        importlib.import_module("matplotlib.backends.backend_agg")


def _parquet(folder: Path, rows: list[dict[str, object]]) -> list[str]:
    if not find_spec("pyarrow"):
        return []
    from flows.core.audit.frame import frame  # pandas takes a second

    frame(rows).to_parquet(folder / PARQUET)
    return [PARQUET]


def _plots(folder: Path, audit: Audit) -> list[str]:
    return [_plot(folder, chart) for chart in charts(audit.past)] if find_spec("matplotlib") else []


def _plot(folder: Path, chart: Chart) -> str:
    from matplotlib.figure import Figure  # it takes a second

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(chart.title)
    if chart.counts:
        axes.bar(list(chart.counts), list(chart.counts.values()))
        axes.tick_params("x", rotation=45)
    else:
        ordered = sorted(chart.values)
        times = [datetime.fromtimestamp(at, UTC) for at, _ in ordered]
        axes.plot(times, [value for _, value in ordered], "o-" if chart.joined else "o", markersize=3)
        axes.set_ylim(0, max(*(value for _, value in ordered), 1) * 1.05)
    name = f"{re.sub(r'[^a-z0-9]+', '-', chart.title.lower()).strip('-')}.png"
    figure.savefig(folder / name, dpi=150)
    return name
