"""Follows the parts of one table through the snapshots, and notes what became of its rows."""

from __future__ import annotations

from dataclasses import replace

from flows.core.data.explain import ttl_of
from flows.core.data.fingerprint import differing, settled
from flows.core.data.found import Found
from flows.core.data.lineage import traces
from flows.core.data.match import Indexed
from flows.core.data.records import DataTable, Mutation
from flows.core.data.sentences import sentences
from flows.core.data.traces import Case, Trace
from flows.core.data.verdict import Word

OTHER_CONTENT = "deep mode found other content in {} although nothing else tells of a change"


def follow_parts(
    found: Found, table: DataTable, now: DataTable, old: Indexed, new: Indexed, early: Indexed | None
) -> None:
    """Note what became of every part of `table`, which is `now` in the second snapshot."""
    then = early.find(table) if early else None
    case = _case(table, now, old, new)
    if early and then and then.uuid == table.uuid:
        followed = _with_early_look(case, _case(table, then, old, early))
        first = (early.snapshot, then.key)
    else:
        followed, first = traces(case), (new.snapshot, now.key)
    sides = (old.snapshot, table.key), (new.snapshot, now.key)
    followed = settled(followed, *sides, first)
    _note_traces(found, followed)
    other = differing(*sides) - {trace.partition for trace in followed}
    if other and table.ddl == now.ddl:
        found.note(Word.UNPROVEN, OTHER_CONTENT.format(f"partition {', '.join(sorted(other))}"))


def _case(table: DataTable, now: DataTable, old: Indexed, new: Indexed) -> Case:
    known = {each.name for each in old.detached.get(table.key, ())}
    ttl, loose = (a or b for a, b in zip(ttl_of(table), ttl_of(now), strict=True))
    return Case(
        engine=now.engine,
        before=tuple(old.parts[table.key][0]),
        after=tuple(new.parts[now.key][0]),
        seen=tuple(new.parts[now.key][1]),
        detached=tuple(each for each in new.detached.get(now.key, ()) if each.name not in known),
        mutations=mutations_since(table, now, old, new),
        has_ttl=ttl,
        loose_ttl=loose,
        now=new.snapshot.taken_at,
    )


def _with_early_look(late: Case, early: Case) -> list[Trace]:
    """The traces up to the late look, with what the early one proves: what it saw, and what it did not see any more.

    A part that was gone then is not in any part that was merged later, whatever that one's name says.
    """
    gone = [trace for trace in traces(early) if trace.word in (Word.LOST, Word.UNREADABLE)]
    missed = {name for trace in gone for name in trace.parts if len(trace.parts) == 1}
    found = traces(replace(late, seen=(*early.after, *early.seen, *late.seen), missed=frozenset(missed)))
    for short in (trace for trace in gone if len(trace.parts) > 1):
        hiding = [trace for trace in found if trace.word is Word.UNPROVEN and set(trace.parts) & set(short.parts)]
        found = [trace for trace in found if trace not in hiding] + ([short] if hiding else [])
    return found


def _note_traces(found: Found, followed: list[Trace]) -> None:
    found.words += [trace.word for trace in followed]
    found.why += sentences(followed)
    found.lost += sum(trace.rows for trace in followed if trace.word in (Word.LOST, Word.UNREADABLE))
    found.shrunk += sum(trace.rows for trace in followed if trace.word is Word.SHRANK_EXPLAINED)


def mutations_since(table: DataTable, now: DataTable, old: Indexed, new: Indexed) -> tuple[Mutation, ...]:
    """The mutations that were not done at the first snapshot, also those that the server has forgotten since."""
    earlier = {each.id: each for each in old.mutations.get(table.key, ())}
    known = {**{each.id: each for each in new.mutations.get(now.key, ())}}
    done = {name for name, each in earlier.items() if each.done}
    return tuple(each for name, each in {**earlier, **known}.items() if name not in done)
