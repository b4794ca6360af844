"""What a check of all clusters says of them together."""

from __future__ import annotations

from flows.core.health.check import Word
from flows.core.health.every import Line, of_block, said, word_of

FINE = Line("a", Word.OK, "ok: no critical, no warning")
WARNS = Line("b", Word.WARNING, "warning: health.disk-low: little is left")
DOWN = Line("c", Word.CRITICAL, "critical: health.down: it does not run")


def test_all_are_as_bad_as_the_worst_of_them() -> None:
    """And where no cluster is saved nothing was looked at: that is not ok."""
    assert [word_of(lines) for lines in ([FINE], [FINE, WARNS], [WARNS, DOWN, FINE], [])] == [
        Word.OK,
        Word.WARNING,
        Word.CRITICAL,
        Word.WARNING,
    ]
    assert said([]) == "warning: no cluster is saved, so none was checked"


def test_each_cluster_that_is_not_ok_is_named_the_worst_first() -> None:
    """With what its own check says; those that are ok are counted only."""
    assert said([FINE, FINE]) == "ok: 2 ok of 2 clusters"
    assert said([WARNS, FINE, DOWN]) == (
        "critical: 1 critical, 1 warning, 1 ok of 3 clusters; c: critical: health.down: it does not run; "
        "b: warning: health.disk-low: little is left"
    )


def test_a_cluster_without_a_usable_block_is_critical() -> None:
    """Nobody looked at it, and nobody may take it for healthy."""
    line = of_block("d", "its block cannot be loaded (ValueError)")
    assert line.as_row() == {
        "cluster": "d",
        "health": "critical",
        "message": "critical: not checked: its block cannot be loaded (ValueError)",
    }
