"""Follows every part of a MergeTree table from one snapshot to the next (clickhouse.md 2.3).

A part never changes: it is there with the same content, or a merge or mutation replaced it by a part that covers its
block numbers, or its rows expired, or they are lost. Equal row counts prove nothing: a lost part and a new insert that
was given the same block number look the same. Two rules go beyond the description, both to be honest about merges that
hid their sources: fewer rows after a merge of several parts are explained only when each of them was seen after the
restart, and so is a merge that took in the newest part, whose number may have been given twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from flows.core.data.explain import disappearance, ids, shrinkage
from flows.core.data.records import Part
from flows.core.data.traces import Case, Trace, content, covers, identity
from flows.core.data.verdict import Word
from flows.core.data.witness import is_pure, proven, top_part

GONE = "gone: no part holds them and nothing explains it"
REPLACED = "replaced by a part of the same name with other content: their block number was given to later rows"
MIXED = "merged with rows written after the first snapshot"
HIDDEN = "merged with the newest part, whose number may have been given again after a loss"
UNSEEN = ", but a merge hides whether each of its source parts was read after the restart"


def traces(case: Case) -> list[Trace]:
    """What became of the rows of this table; no trace at all means that every part is there unchanged."""
    before, after, seen = _by_partition(case.before), _by_partition(case.after), _by_partition(case.seen)
    top = top_part(case)
    found: list[Trace] = []
    for partition in sorted({*before, *after}):
        found += _Partition(case, partition, before[partition], after[partition], seen[partition], top).traces()
    return found


class _Partition:
    """The parts of one partition, and which of the later ones nothing old explains yet."""

    def __init__(
        self, case: Case, partition: str, old: list[Part], new: list[Part], seen: list[Part], top: Part | None
    ) -> None:
        self.case, self.partition, self.old, self.new, self.seen, self.top = case, partition, old, new, seen, top
        self.left = {part.name: part for part in new}
        self.found: list[Trace] = []
        self._proven: frozenset[str] | None = None
        self.names = {part.name for part in (*new, *seen)}

    def traces(self) -> list[Trace]:
        """Judge every old part, then count what is left as new."""
        same = {identity(part) for part in self.new}
        waiting = [part for part in self.old if identity(part) not in same]
        for part in self.old:
            if identity(part) in same:
                del self.left[part.name]
        groups, rest = self._grouped(waiting)
        for cover in groups:
            del self.left[cover]
        self.pool = Counter(content(part) for part in self.left.values())
        for sources in groups.values():
            self._judge(*sources)
        for part in rest:
            self._judge_uncovered(part)
        self._count_new()
        return self.found

    def _grouped(self, waiting: Iterable[Part]) -> tuple[dict[str, tuple[Part, list[Part]]], list[Part]]:
        """The old parts below each part that covers them, and those that nothing covers."""
        by_block = sorted(self.new, key=lambda part: part.minb)
        starts = [part.minb for part in by_block]
        known = {identity(part) for part in self.seen}
        groups: dict[str, tuple[Part, list[Part]]] = {}
        rest = []
        for part in waiting:
            at = bisect_right(starts, part.minb) - 1
            cover = by_block[at] if at >= 0 and covers(by_block[at], part) else None
            # A part of this name, but with other content, was read after the restart: ours was lost before.
            replaced = part.name in self.names and identity(part) not in known
            if cover is None or replaced or part.name in self.case.missed:
                rest.append(part)
            else:
                groups.setdefault(cover.name, (cover, []))[1].append(part)
        return groups, rest

    def _judge(self, cover: Part, sources: list[Part]) -> None:
        """Judge the old parts that `cover` was made of."""
        explained = None
        if sum(part.rows for part in sources) > cover.rows:
            explained = shrinkage(self.case, cover, sources)
            if explained is None:
                sources = [part for part in sources if not self._attached_again(part)]
        if not sources:
            return
        short = sum(part.rows for part in sources) - cover.rows
        if short > 0 and explained is None:
            cause = f"missing in {cover.name}, which was made of these parts, and nothing explains it"
            self._note(Word.LOST, sources, short, cause)
            return
        doubt = self._doubt(cover, sources, explained)
        if doubt:
            self._note(Word.UNPROVEN, sources, sum(part.rows for part in sources), doubt)
        elif short > 0 and explained is not None:
            self._note(explained[0], sources, short, explained[1])
        else:
            self._harmless(cover, sources, -short)

    def _doubt(self, cover: Part, sources: list[Part], explained: tuple[Word, str] | None) -> str:
        """Why the rows of the sources cannot be proved, "" when they can."""
        unseen = [part for part in sources if part.rows and part.name not in self.proven]
        if not unseen:
            return ""
        if not is_pure(cover, sources) or cover.rows > sum(part.rows for part in sources):
            return MIXED
        if explained and sum(1 for part in sources if part.rows) > 1:
            return explained[1] + UNSEEN
        return HIDDEN if self.top in sources else ""

    def _harmless(self, cover: Part, sources: list[Part], more: int) -> None:
        if cover.ver > max(part.ver for part in sources):
            done = ids(m for m in self.case.mutations if min(part.ver for part in sources) < m.ver <= cover.ver)
            self._note(Word.MUTATED, sources, 0, f"rewritten by {done or 'a mutation'} with the same number of rows")
        if more > 0:
            self.found.append(Trace(Word.GREW, self.partition, (cover.name,), more, ""))

    def _judge_uncovered(self, part: Part) -> None:
        """Judge an old part that is neither there nor covered."""
        if not part.rows or self._attached_again(part):
            return
        explained = disappearance(self.case, part, self._emptied(part))
        if explained and explained[0] is Word.SHRANK_EXPLAINED:
            self._note(explained[0], [part], part.rows, explained[1])
        elif aside := [each for each in self.case.detached if _is_detached(each.name, part)]:
            how = f"as {aside[0].reason} " if aside[0].reason else ""
            self._note(Word.UNREADABLE, [part], part.rows, f"set aside {how}in the table's folder detached")
        elif part.name in self.names:
            self._note(Word.LOST, [part], part.rows, REPLACED)
        else:
            word, cause = explained or (Word.LOST, GONE)
            self._note(word, [part], part.rows, cause)

    def _attached_again(self, part: Part) -> bool:
        """Whether the same content is there under another name, which DETACH and ATTACH or FREEZE leave behind."""
        if not self.pool[content(part)]:
            return False
        self.pool[content(part)] -= 1
        again = next(name for name, each in self.left.items() if content(each) == content(part))
        del self.left[again]
        return True

    def _emptied(self, part: Part) -> bool:
        return any(each.rows == 0 and covers(each, part) for each in (*self.seen, *self.new))

    def _count_new(self) -> None:
        new = [part for part in self.left.values() if part.rows]
        if new:
            names = tuple(part.name for part in new)
            self.found.append(Trace(Word.GREW, self.partition, names, sum(part.rows for part in new), ""))

    def _note(self, word: Word, parts: Sequence[Part], rows: int, cause: str) -> None:
        self.found.append(Trace(word, self.partition, tuple(part.name for part in parts), rows, cause))

    @property
    def proven(self) -> frozenset[str]:
        """Names of the old parts that were read after the restart; made only when somebody asks."""
        if self._proven is None:
            self._proven = proven(self.old, self.seen, self.top)
        return self._proven


def _is_detached(name: str, part: Part) -> bool:
    """Whether a folder in `detached` is this part: its name, perhaps after a reason and before a number."""
    before, found, after = name.partition(part.name)
    return bool(found) and (not before or before.endswith("_")) and (not after or after.startswith("_try"))


def _by_partition(parts: Iterable[Part]) -> defaultdict[str, list[Part]]:
    found: defaultdict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if not part.is_patch:  # merges take them in and drop them
            found[part.partition_id].append(part)
    return found
