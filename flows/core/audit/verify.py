"""What can be known of an audit log: which lines were edited, deleted, moved, cut off or written anew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from flows.core.audit.chain import BEGIN, Head, Link, entries


class Tampering(StrEnum):
    """What was done to lines."""

    EDITED = "edited"
    DELETED = "deleted"
    MOVED = "moved"
    CUT_OFF = "cut off"
    REWRITTEN = "written anew"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the numbers of the first and the last line that it concerns, and a sentence."""

    word: Tampering
    first: int
    last: int
    message: str


@dataclass(frozen=True)
class ChainProof:
    """What a log proves: `lines` that are whole, its `head`, what is wrong, and what is odd without harm (`notes`).

    Up to line `vouched` it is what it was when a head of it was noted elsewhere; behind that only the chain speaks.
    """

    lines: int
    head: Head | None
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    vouched: int

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong, as far as can be known."""
        return not self.faults

    @property
    def summary(self) -> str:
        """What is known and what is not, for a person."""
        if self.faults:
            said = "ALTERED: " + "; ".join(fault.message for fault in self.faults)
        else:
            said = f"unaltered as far as can be known: {_count(self.lines)}, {self._vouching()}"
        return "; ".join((said, *self.notes))

    def _vouching(self) -> str:
        last = self.head.number if self.head else 0
        if self.vouched >= last:
            return "vouched for by a hash that was noted elsewhere" if self.lines else "and nothing noted elsewhere"
        if not self.vouched:
            return "but no hash noted elsewhere vouches for them: they may have been written anew, or their end cut off"
        newer = _named(self.vouched + 1, last)
        return f"vouched for up to line {self.vouched}; {newer} may have been written anew, or others cut off"


def verify(text: str, heads: Iterable[Head] = (), first: int = 1) -> ChainProof:
    """Look at a log, with the heads of it that were noted elsewhere; `first` is the line that a part begins with."""
    return prove([link for link, _ in entries(text)], heads, first)


def prove(links: Sequence[Link], heads: Iterable[Head] = (), first: int = 1) -> ChainProof:
    """The same from the links of its lines, in the order of the file."""
    whole = {link.number: link for link in reversed(links) if link.fits}  # of a number that is there twice, the first
    chain = [whole[number] for number in sorted(whole)]
    most = chain[-1].number if chain else first - 1
    faults = [*_gone(links, [Link(0, first - 1), *chain]), *_odd_lines(links, whole), *_moved(links), *_unlinked(chain)]
    broken, vouched = _against(whole, most, heads)
    wrong = min((fault.first for fault in faults), default=vouched + 1)
    head = Head(most, whole[most].hash) if chain else None
    return ChainProof(len(chain), head, (*faults, *broken), tuple(_notes(links)), min(vouched, wrong - 1))


def _gone(links: Sequence[Link], chain: Sequence[Link]) -> Iterator[Fault]:
    """Numbers that are missing: edited where as many other lines stand in their place, else deleted."""
    odd = [link.place for link in links if not link.fits]
    for before, after in pairwise(chain):
        first, last = before.number + 1, after.number - 1
        missing = last - first + 1
        if missing < 1:
            continue
        there = max(0, bisect_left(odd, after.place) - bisect_left(odd, before.place))
        if there >= missing:
            yield Fault(Tampering.EDITED, first, last, f"{_named(first, last)}: edited")
        else:
            also = f", and {_count(there)} of them edited" if there else ""
            yield Fault(Tampering.DELETED, first, last, f"{_named(first, last)}: deleted{also}")


def _odd_lines(links: Sequence[Link], whole: dict[int, Link]) -> Iterator[Fault]:
    """A line that does not have the hash it begins with, in nobody's place: at the end, or put in between."""
    most = max(whole, default=0)
    for link in links:
        if link.number and not link.fits and (link.number > most or link.number in whole):
            yield Fault(
                Tampering.EDITED, link.number, link.number, f"line {link.number}: edited, or put in by somebody"
            )


def _moved(links: Sequence[Link]) -> Iterator[Fault]:
    """The fewest lines that would have to stand elsewhere, or only once, for the others to be in order."""
    whole = [link for link in links if link.fits]
    places = _in_order([link.number for link in whole])
    for place, link in enumerate(whole):
        if place not in places:
            message = f"line {link.number}: is not in its place, or there twice"
            yield Fault(Tampering.MOVED, link.number, link.number, message)


def _in_order(numbers: Sequence[int]) -> set[int]:
    """The places of a longest increasing part (patience sorting)."""
    # The smallest number that ends an increasing part of each length, its place, and the place before each one.
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(tops, number)
        before.append(ends[length - 1] if length else -1)
        tops[length : length + 1] = [number]
        ends[length : length + 1] = [place]
    found, place = set(), ends[-1] if ends else -1
    while place >= 0:
        found.add(place)
        place = before[place]
    return found


def _unlinked(chain: Sequence[Link]) -> Iterator[Fault]:
    """Lines with a hash that fits them, but not what the next line was chained to: somebody computed it anew."""
    if chain and chain[0].number == 1 and chain[0].previous != BEGIN:
        yield Fault(Tampering.REWRITTEN, 1, 1, "line 1: written anew, it names a line before it")
    for before, after in pairwise(chain):
        if after.number == before.number + 1 and after.previous != before.hash:
            message = f"line {before.number}: written anew, line {after.number} was chained to another one"
            yield Fault(Tampering.REWRITTEN, before.number, before.number, message)


def _against(whole: dict[int, Link], most: int, heads: Iterable[Head]) -> tuple[list[Fault], int]:
    """What is wrong by the heads that were noted elsewhere, and up to where they vouch for the log."""
    faults: list[Fault] = []
    noted = sorted(heads)
    agreeing = [head.number for head in noted if head.number in whole and whole[head.number].hash == head.hash]
    if late := [head for head in noted if head.number > most]:
        last = late[-1]
        said = f"{_named(most + 1, last.number)}: cut off; line {last.number} was noted{_where(last)}"
        faults.append(Fault(Tampering.CUT_OFF, most + 1, last.number, said))
    if other := [head for head in noted if head.number in whole and whole[head.number].hash != head.hash]:
        first = max((number for number in agreeing if number < other[0].number), default=min(whole) - 1) + 1
        last = other[-1]
        said = f"{_named(first, last.number)}: written anew, at least in part; line {other[0].number} was noted "
        faults.append(Fault(Tampering.REWRITTEN, first, last.number, f"{said}with another hash{_where(other[0])}"))
        agreeing = [number for number in agreeing if number < first]
    return faults, max(agreeing, default=0)


def _notes(links: Sequence[Link]) -> Iterator[str]:
    for link in links:
        if not link.ended and not link.fits:
            yield "its last line is only half written: a writer was interrupted, or somebody cut it"
        elif not link.ended:
            yield "its last line has no line end: a writer was interrupted, or somebody edited it"
        elif not link.number:
            yield f"what stands at place {link.place} is no line of the log: the rest of a write, or put in by somebody"


def _where(head: Head) -> str:
    return f" in {head.where}" if head.where else ""


def _named(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"


def _count(number: int) -> str:
    return f"{number:,} line{'' if number == 1 else 's'}"
