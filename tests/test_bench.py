"""The benchmarks' own arithmetic, on given frames: nothing here is timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.bench import write
from tests.bench.delay import Turns
from tests.bench.meter import ProgramFailed, spent
from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.rounds import FOREIGN, Contestant, alternate


def outcome(**seconds: list[float]) -> Outcome:
    """An outcome with these seconds of each contestant, round by round."""
    lines = [
        (name, number, "seconds", value) for name, values in seconds.items() for number, value in enumerate(values, 1)
    ]
    return Outcome("test", "A test", pd.DataFrame(lines, columns=["contestant", "round", "figure", "value"]))


def test_contestants_come_in_turn_and_each_is_first_once() -> None:
    """Whoever starts a round has a machine in another state than who comes next; warm-ups do not count."""
    came: list[str] = []

    def of(name: str) -> Contestant:
        return Contestant(name, lambda: came.append(name) or {"seconds": len(came)})

    frame = alternate([of("a"), of("b"), of("c")], rounds=2, warmup=1)
    assert "".join(came) == "abcbcacab"
    found = Outcome("", "", frame)
    assert list(found.values("a", "seconds")) == [6, 8] and list(found.values("b", "seconds")) == [4, 9]
    assert found.contestants == ["a", "b", "c"] and found.figures == ["seconds", FOREIGN]


def test_medians_and_ratios_are_counted_over_all_rounds() -> None:
    """One slow round moves neither; a name that was not measured is an error, never a number."""
    found = outcome(ours=[1.0, 2.0, 50.0], rival=[10.0, 8.0, 9.0])
    assert found.median("ours") == 2.0 and found.ratio("ours", "rival") == pytest.approx(2 / 9)
    with pytest.raises(KeyError, match="nobody"):
        found.ratio("ours", "nobody")


def test_a_mark_is_met_up_to_its_limit_and_never_by_what_is_no_number() -> None:
    """A benchmark that found nothing has not kept its promise."""
    assert Mark("", 1.2, 1.2).met and not Mark("", 1.21, 1.2).met and not Mark("", float("nan"), 9.0).met


def test_table_has_ours_first_and_says_which_marks_are_missed() -> None:
    """What people read: median with spread, each as a multiple of ours, each mark with value and limit."""
    found = with_marks(
        outcome(ours=[2.0], rival=[3.0, 5.0]), Mark("ours through rival", 0.5, 0.4), Mark("x", 1, 2, "s")
    )
    text = found.markdown
    assert "| ours | 2 | 1.00 |" in text and "| rival | 4 (3 to 5) | 2.00 |" in text
    assert "- ours through rival: 0.5, promised at most 0.4: **not met**" in text
    assert "- x: 1 s, promised at most 2 s: met" in text


def test_results_of_one_benchmark_replace_only_its_own(tmp_path: Path) -> None:
    """JSON has each round, the page all tables with versions, and the plot is there."""
    write.keep("first", [outcome(ours=[1.0])], tmp_path)
    write.keep("second", [outcome(ours=[7.0], rival=[8.0])], tmp_path)
    write.keep("first", [with_marks(outcome(ours=[3.0, 4.0]), Mark("m", 1, 2))], tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["first"]["outcomes"][0]["rounds"] == {"ours": {"seconds": [3.0, 4.0]}}
    assert results["second"]["outcomes"][0]["rounds"]["rival"] == {"seconds": [8.0]}
    page = (tmp_path / "RESULTS.md").read_text()
    assert "# first" in page and "3.5 (3 to 4)" in page and "prefect 3" in page and "m: 1" in page
    assert "<svg" in (tmp_path / "results.svg").read_text()


def test_a_program_is_measured_without_our_own_memory_and_its_failure_is_told() -> None:
    """A child begins with its parent's memory as its peak; what a program said stands in the error."""
    ballast = b"x" * (300 << 20)
    figures, said = spent([sys.executable, "-S", "-c", "print(sum(range(3_000_000)))"])
    assert said.strip() == "4499998500000" and len(ballast) / 2**20 > figures["peak_mib"] > 1
    assert figures["cpu_seconds"] > 0 and figures["seconds"] > 0
    with pytest.raises(ProgramFailed, match="exit code 3:\nsorry"):
        spent([sys.executable, "-c", "import sys; print('sorry'); sys.exit(3)"])


def test_a_round_trip_is_what_somebody_waited_for() -> None:
    """Who speaks again without having heard anything did not wait; channels that speak at the same time wait once."""
    turns = Turns(half=0.05)
    for now, heard in ((0.0, False), (0.01, False), (0.1, True), (0.11, True), (0.2, False), (0.3, True)):
        if heard:
            turns.hear()
        turns.speak(now)
    assert turns.count == 4  # at 0.0, at 0.1, at 0.2 for what was heard at 0.11, at 0.3
