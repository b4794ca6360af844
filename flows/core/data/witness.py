"""Which parts are known to have been read after the restart, although a merge has replaced them since.

A merge hides what it read. A part of the early snapshot, or an inactive part that is still on disk, shows it: the very
same part, or a merged one made of nothing but old parts with all of their rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from flows.core.data.engines import is_replicated
from flows.core.data.records import Part
from flows.core.data.traces import Case, covers, identity


def top_part(case: Case) -> Part | None:
    """The part with the highest block number; `None` when there is none, or its number is never given again.

    When the newest part is lost, the server gives its block number to the next insert, and a merge of both looks like
    a merge of the old ones. Nothing below it can be given again while it is there.
    """
    top = max((part for part in case.before if not part.is_patch), key=lambda part: part.maxb, default=None)
    if top is None or is_replicated(case.engine):
        return None
    present = {identity(part) for part in (*case.after, *case.seen)}
    return None if identity(top) in present else top


def proven(old: Sequence[Part], seen: Iterable[Part], top: Part | None) -> frozenset[str]:
    """Names of the old parts of one partition that were read after the restart; `top` as `top_part` tells it."""
    by_block = sorted(old, key=lambda part: part.minb)
    starts = [part.minb for part in by_block]
    same = {identity(part) for part in old}
    found: set[str] = set()
    for part in seen:
        if identity(part) in same:
            found.add(part.name)
            continue
        sources = _between(by_block, starts, part)
        if (
            sources
            and is_pure(part, sources)
            and part.rows == sum(each.rows for each in sources)
            and top not in sources
        ):
            found.update(each.name for each in sources)
    return frozenset(found)


def is_pure(cover: Part, sources: Sequence[Part]) -> bool:
    """Whether the block numbers of `cover` begin and end with these sources, so that it may hold nothing else."""
    ends = min(part.minb for part in sources), max(part.maxb for part in sources)
    return (cover.minb, cover.maxb) == ends


def _between(by_block: Sequence[Part], starts: Sequence[int], cover: Part) -> list[Part]:
    found = []
    for part in by_block[bisect_left(starts, cover.minb) :]:
        if part.minb > cover.maxb:
            break
        if covers(cover, part):
            found.append(part)
    return found
