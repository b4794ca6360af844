"""What a benchmark found: a frame of figures, their medians and ratios as a table, and the marks to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from flows.core.words import table


@dataclass(frozen=True)
class Mark:
    """What was promised: the value found, and the most that it may be."""

    text: str
    value: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the promise is kept; a value that is no number keeps none."""
        return bool(self.value <= self.limit)


@dataclass(frozen=True)
class Outcome:
    """One table of a benchmark: `frame` as `alternate` makes it, ours first; `notes` are sentences below the table."""

    name: str
    title: str
    frame: pd.DataFrame
    marks: Sequence[Mark] = ()
    notes: Sequence[str] = ()

    @property
    def contestants(self) -> list[str]:
        """Their names, in order."""
        return [str(name) for name in self.frame["contestant"].unique()]

    @property
    def figures(self) -> list[str]:
        """Names of the figures, in order; the first is the one that is compared and plotted."""
        return [str(name) for name in self.frame["figure"].unique()]

    def values(self, contestant: str, figure: str) -> pd.Series[float]:
        """What one contestant took, round by round."""
        one = (self.frame["contestant"] == contestant) & (self.frame["figure"] == figure)
        return self.frame.loc[one, "value"]

    def median(self, contestant: str, figure: str = "seconds") -> float:
        """The middle of all rounds; raises `KeyError` for a name that was not measured."""
        values = self.values(contestant, figure)
        if values.empty:
            raise KeyError(f"{figure} of {contestant}")
        return float(values.median())

    def ratio(self, ours: str, rival: str, figure: str = "seconds") -> float:
        """Our median through the rival's: below 1 where ours takes less."""
        return self.median(ours, figure) / self.median(rival, figure)

    @property
    def markdown(self) -> str:
        """The table, and below it the marks with what was found, then the notes."""
        first = self.figures[0]
        header = ["", *(name.replace("_", " ") for name in self.figures), f"{first} / ours"]
        lines = [self._line(name, first) for name in self.contestants]
        parts = [f"## {self.title}", table(header, lines)]
        if self.marks:
            parts.append("\n".join(_mark(mark) for mark in self.marks))
        return "\n\n".join([*parts, *self.notes]) + "\n"

    def _line(self, contestant: str, first: str) -> list[str]:
        cells = [_spread(self.values(contestant, figure)) for figure in self.figures]
        times = self.ratio(contestant, self.contestants[0], first)
        return [contestant, *cells, f"{times:.2f}"]


def with_marks(outcome: Outcome, *marks: Mark) -> Outcome:
    """The same outcome with marks, which are most often counted from its own medians."""
    return Outcome(outcome.name, outcome.title, outcome.frame, (*outcome.marks, *marks), outcome.notes)


def _mark(mark: Mark) -> str:
    unit = f" {mark.unit}" if mark.unit else ""
    word = "met" if mark.met else "**not met**"
    return f"- {mark.text}: {mark.value:.3g}{unit}, promised at most {mark.limit:.3g}{unit}: {word}"


def _spread(values: pd.Series[float]) -> str:
    """`median (least to most)`; "" for what was not measured."""
    if values.empty:
        return ""
    if len(values) == 1 or values.min() == values.max():
        return f"{values.median():.3g}"
    return f"{values.median():.3g} ({values.min():.3g} to {values.max():.3g})"
