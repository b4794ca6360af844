"""Writes what benchmarks found: to the console, and as JSON, Markdown and a small plot into a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import machine
from tests.bench.outcome import Outcome

HERE = Path(__file__).parent
QUICK = HERE / "last"
"""Where a quick run writes; git does not see it."""


def show(outcome: Outcome) -> None:
    """Print the table and the marks."""
    print(f"\n{outcome.markdown}", flush=True)


def keep(benchmark: str, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Put what one benchmark found in place of what it found before, and write page and plot anew."""
    folder.mkdir(exist_ok=True)
    path = folder / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results[benchmark] = {
        "date": datetime.now(UTC).isoformat(sep=" ", timespec="minutes"),
        "machine": machine.kind(),
        "versions": machine.versions(),
        "outcomes": [as_values(each) for each in outcomes],
    }
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "RESULTS.md").write_text(page(results))
    plot(results, folder / "results.svg")


def as_values(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON has it: every figure of every round, the marks, and the table as people read it."""
    rounds = {
        name: {figure: [round(value, 4) for value in outcome.values(name, figure)] for figure in outcome.figures}
        for name in outcome.contestants
    }
    marks = [
        {"text": mark.text, "value": mark.value, "limit": mark.limit, "unit": mark.unit, "met": mark.met}
        for mark in outcome.marks
    ]
    said = {"name": outcome.name, "title": outcome.title, "figure": outcome.figures[0]}
    return {**said, "rounds": rounds, "marks": marks, "markdown": outcome.markdown}


def page(results: dict[str, Any]) -> str:
    """RESULTS.md: of each benchmark when and where it ran and with which versions, then its tables."""
    parts = [
        "# What it takes, beside its rivals",
        "By `make bench-full`; each cell is the median of all rounds (least to most). Within a table everything ran "
        "in turn in one run, another contestant first in each round, so ratios count more than seconds. "
        "“Foreign cores” is how many cores other programs kept busy meanwhile.",
        "![medians](results.svg)",
    ]
    for name, found in results.items():
        said = ", ".join(f"{program} {version}" for program, version in found["versions"].items())
        parts += [f"# {name}", f"{found['date']}, {found['machine']}; {said}."]
        parts += [outcome["markdown"].strip() for outcome in found["outcomes"]]
    return "\n\n".join(parts) + "\n"


def plot(results: dict[str, Any], path: Path) -> None:
    """One small panel for each table: the medians of its first figure, with the spread."""
    import matplotlib
    import pandas as pd

    matplotlib.use("Agg")
    # Words as words, and the same drawing for the same figures: small, and a diff shows what changed.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 7}
    from matplotlib import pyplot

    drawn = [outcome for found in results.values() for outcome in found["outcomes"]]
    rows = -(-len(drawn) // 2)
    figure, axes = pyplot.subplots(rows, 2, figsize=(10, 1.9 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(drawn) :]:
        axis.set_visible(False)
    for axis, outcome in zip(axes.flat, drawn, strict=False):
        values = {name: pd.Series(figures[outcome["figure"]]) for name, figures in outcome["rounds"].items()}
        middle = [each.median() for each in values.values()]
        spread = [
            [each.median() - each.min() for each in values.values()],
            [each.max() - each.median() for each in values.values()],
        ]
        colours = ["tab:blue", *["lightgrey"] * (len(values) - 1)]
        axis.barh(list(values), middle, xerr=spread, color=colours, ecolor="dimgrey")
        axis.invert_yaxis()
        axis.set_title(f"{outcome['title']} ({outcome['figure'].replace('_', ' ')})", fontsize=7, loc="right")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
