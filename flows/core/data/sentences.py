"""What a verdict says to an administrator: whole sentences, with names where they help, shortened when many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flows.core.data.explain import listed
from flows.core.data.traces import Trace
from flows.core.data.verdict import Word

_TAIL = {
    Word.LOST: "are",
    Word.UNREADABLE: "were",
    Word.UNPROVEN: "cannot be proved, because they were",
    Word.SHRANK_EXPLAINED: "fewer, and that is explained: they were",
}


def sentences(traces: Iterable[Trace]) -> list[str]:
    """One sentence for each kind of finding, the worst first."""
    kinds: dict[tuple[Word, str], list[Trace]] = {}
    for trace in traces:
        kinds.setdefault((trace.word, _kind(trace)), []).append(trace)
    ordered = sorted(kinds.items(), key=lambda each: -each[0][0].rank)
    return [_sentence(word, found) for (word, _), found in ordered]


def _kind(trace: Trace) -> str:
    """Traces with the same cause are told together; of the lost ones those that begin alike (they name a part)."""
    return trace.cause.partition(" ")[0] if trace.word is Word.LOST else trace.cause


def _sentence(word: Word, found: Sequence[Trace]) -> str:
    rows = sum(trace.rows for trace in found)
    parts = [name for trace in found for name in trace.parts]
    where = f"{_count(len(parts), 'part')} ({listed(parts)}) of {_partitions(found)}"
    causes = list(dict.fromkeys(trace.cause for trace in found))
    cause = causes[0] + (f" (and {len(causes) - 1} more like it)" if len(causes) > 1 else "")
    if word is Word.GREW:
        return f"{_count(rows, 'new row')} in {_partitions(found)}"
    if word is Word.MUTATED:
        return f"{where}: {cause}"
    if word is Word.OK:
        return f"{where} were {cause}"
    return f"{_count(rows, 'row')} of {where} {_verb(word, rows)} {cause}"


def _verb(word: Word, rows: int) -> str:
    tail = _TAIL[word]
    return {"are": "is", "were": "was"}.get(tail, tail) if rows == 1 else tail


def _partitions(found: Sequence[Trace]) -> str:
    names = list(dict.fromkeys(trace.partition for trace in found))
    if names == ["all"]:
        return "the table"
    return f"partition{'s' if len(names) > 1 else ''} {listed(names)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
