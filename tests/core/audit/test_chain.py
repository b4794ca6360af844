"""The chain of the audit log: whatever is done to a line is noticed and named, and what cannot be known is said so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from flows.core.audit.chain import Head, entries, head_of, line, next_line
from flows.core.audit.verify import ChainProof, Tampering, verify


def log(*records: Mapping[str, object]) -> str:
    """A log with these records."""
    text, head = "", None
    for record in records:
        text += line(head, {**record})
        head = head_of(text)
    return text


LINES = log(*({"run": f"r{number}", "note": "5 € für\n"} for number in range(1, 7))).splitlines(keepends=True)
TEXT = "".join(LINES)
HEADS = [head for count in range(1, 7) if (head := head_of("".join(LINES[:count])))]
LAST = HEADS[-1:]


def anew(lines: list[str], start: int, changed: dict[str, object]) -> str:
    """The log with line `start` (from 0) changed and every hash from there on computed anew, as a forger would."""
    records = [record for _, record in entries("".join(lines))]
    records[start] = changed
    return log(*records)


def said(text: str, *heads: Head) -> list[tuple[Tampering, int, int]]:
    """The faults that are found, in short."""
    return [(fault.word, fault.first, fault.last) for fault in verify(text, heads).faults]


def test_a_log_that_nobody_touched_is_unaltered() -> None:
    """All of it where its last head was noted elsewhere, and from the first line on."""
    proof = verify(TEXT, HEADS)
    assert (proof.intact, proof.lines, proof.head, proof.vouched, proof.notes) == (True, 6, HEADS[-1], 6, ())
    assert proof.summary == "unaltered as far as can be known: 6 lines, vouched for by a hash that was noted elsewhere"
    assert [record["run"] for _, record in entries(TEXT)] == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert TEXT.isascii()  # no program on the way takes a character of a record for the end of a line


def test_one_line_can_be_checked_by_sha256sum_alone() -> None:
    """The hash stands over exactly what is behind it."""
    assert all(each[:64] == hashlib.sha256(each[65:-1].encode()).hexdigest() for each in LINES)


def test_what_was_done_to_a_log_is_named() -> None:
    """With the numbers of the lines, whatever was noted elsewhere."""
    edited, word = LINES[2].replace("r3", "r9"), Tampering
    cases: list[tuple[str, list[str], list[tuple[Tampering, int, int]]]] = [
        ("edited", [*LINES[:2], edited, *LINES[3:]], [(word.EDITED, 3, 3)]),
        ("not readable", [*LINES[:2], "x\n", *LINES[3:]], [(word.EDITED, 3, 3)]),
        ("the first deleted", LINES[1:], [(word.DELETED, 1, 1)]),
        ("two deleted", [*LINES[:2], *LINES[4:]], [(word.DELETED, 3, 4)]),
        ("one of two edited", [*LINES[:2], edited, *LINES[4:]], [(word.DELETED, 3, 4)]),
        ("swapped", [*LINES[:2], LINES[3], LINES[2], *LINES[4:]], [(word.MOVED, 4, 4)]),
        ("moved up", [LINES[0], LINES[5], *LINES[1:5]], [(word.MOVED, 6, 6)]),
        ("moved down", [*LINES[1:5], LINES[0], LINES[5]], [(word.MOVED, 1, 1)]),
        ("repeated", [*LINES[:3], LINES[1], *LINES[3:]], [(word.MOVED, 2, 2)]),
        ("the last edited", [*LINES[:5], LINES[5].replace("r6", "r0")], [(word.EDITED, 6, 6)]),
        ("put in between", [*LINES[:3], edited, *LINES[3:]], [(word.EDITED, 3, 3)]),
    ]
    for what, lines, faults in cases:
        assert said("".join(lines)) == faults, what
    one = anew(LINES, 2, {"run": "forged"}).splitlines(keepends=True)[2]
    assert said("".join([*LINES[:2], one, *LINES[3:]])) == [(word.REWRITTEN, 3, 3)]
    assert said("".join(LINES[1:]).replace('"number":2', '"number":1'))[0] == (word.DELETED, 1, 2)


def test_a_forger_who_computes_every_hash_anew_is_caught_by_what_was_noted_elsewhere() -> None:
    """From the last head that agrees to the first that does not; without any, the proof says what it cannot know."""
    forged = anew(LINES, 2, {"run": "forged"})
    assert said(forged, *HEADS) == [(Tampering.REWRITTEN, 3, 6)]
    assert said(forged, HEADS[0], HEADS[4]) == [(Tampering.REWRITTEN, 2, 5)]
    assert verify(forged, HEADS).vouched == 2
    for heads, unknown in (
        ([], "no hash noted elsewhere vouches"),
        (HEADS[:2], "vouched for up to line 2; lines 3 to"),
    ):
        proof = verify(forged, heads)
        assert proof.intact
        assert unknown in proof.summary
        assert "may have been written anew" in proof.summary
    again = verify(forged, [Head(6, HEADS[5].hash, "the health check of Monday")])
    assert "noted with another hash in the health check of Monday" in again.summary


def test_an_end_that_was_cut_off_is_noticed_by_a_later_head_only() -> None:
    """A chain cannot know of lines that nothing in it names."""
    cut = "".join(LINES[:4])
    assert said(cut, *HEADS) == [(Tampering.CUT_OFF, 5, 6)]
    assert said("", *HEADS) == [(Tampering.CUT_OFF, 1, 6)]
    proof = verify(cut, HEADS[:2])
    assert (proof.intact, proof.vouched) == (True, 2)
    assert "or others cut off" in proof.summary
    assert (verify("").intact, verify("").summary) == (
        True,
        "unaltered as far as can be known: 0 lines, and nothing noted elsewhere",
    )


def test_a_half_written_line_is_told_and_the_log_goes_on_behind_it() -> None:
    """A full disk or a lost link in the middle of an append is no forgery; the next writer begins a new line."""
    half = "".join(LINES[:4]) + LINES[4][:50]
    proof = verify(half, HEADS[:4])
    assert (proof.intact, proof.vouched, proof.head) == (True, 4, HEADS[3])
    assert "only half written" in proof.summary
    later = verify(f"{half}\n{LINES[4]}", HEADS[:5])
    assert (later.intact, later.lines) == (True, 5)
    assert "place 5 is no line of the log" in later.summary
    unended = verify(TEXT[:-1], HEADS)
    assert (unended.intact, unended.head) == (True, HEADS[-1])
    assert "no line end" in unended.summary


def test_a_record_is_appended_once_and_behind_what_an_interrupted_writer_left() -> None:
    """A lost answer makes no second line; half a line stays, as evidence, and the chain goes on."""
    record = {"run": "r7", "rows": (1, 2)}
    for end in ("", TEXT, TEXT[:-1], TEXT + "abc", "".join(LINES[-2:])):
        longer = end + next_line(end, record)
        assert longer.endswith("\n")
        assert next_line(longer, record) == ""
        assert [there for _, there in entries(longer)][-1] == {"run": "r7", "rows": [1, 2]}
    assert verify(TEXT + "abc" + next_line(TEXT + "abc", record), LAST).intact
    assert next_line(TEXT[-len(LINES[5]) - 7 :], record) == next_line(TEXT, record)  # the end of a log is enough


@st.composite
def tampered(draw: st.DrawFn) -> str:
    """The log after one edit, deletion, repetition, swap or truncation."""
    lines, at = list(LINES), draw(st.integers(0, 5))
    what = draw(st.sampled_from(("edit", "insert", "delete", "repeat", "swap", "truncate")))
    place = draw(st.integers(0, len(TEXT) - 1))
    if what in ("edit", "insert"):
        new = draw(st.sampled_from('\n\r 0a{}"\\é\ud800') | st.characters())
        return TEXT[:place] + new + TEXT[place + (what == "edit") :]
    if what == "truncate":
        return TEXT[:place]
    moved = lines.pop(at)
    if what != "delete":
        lines.insert(draw(st.integers(0, 5)), moved)
    if what == "repeat":
        lines.insert(at, moved)
    return "".join(lines)


def noticed(text: str, proof: ChainProof) -> bool:
    """Whether the proof says so, or nothing but a line end or a foreign line differs, and it says that."""
    same = [link.hash for link, _ in entries(text) if link.fits] == [head.hash for head in HEADS]
    return not proof.intact or (same and bool(proof.notes))


@given(tampered(), st.sets(st.sampled_from(HEADS)))
def test_nothing_is_done_unnoticed_while_the_last_head_is_known(text: str, heads: set[Head]) -> None:
    """Any single edit, deletion, swap or truncation, whichever other heads are known."""
    assert text == TEXT or noticed(text, verify(text, {*heads, *LAST}))


@given(tampered())
def test_without_heads_only_the_end_can_go_unnoticed(text: str) -> None:
    """And then the proof does not claim that it is all there."""
    proof = verify(text)
    if text != TEXT and not noticed(text, proof):
        assert TEXT.startswith("".join(each for each in text.splitlines(keepends=True) if each in LINES))
        assert "may have been" in proof.summary or proof.lines == 0


@given(st.integers(0, 5), st.sets(st.sampled_from(HEADS)))
def test_a_rewritten_log_shows_exactly_where_a_head_of_the_rewritten_part_is_known(
    start: int, heads: set[Head]
) -> None:
    """A head from before the forged line still agrees; one of that line or behind it does not."""
    forged = anew(LINES, start, {"run": "forged"})
    known = any(head.number > start for head in heads)
    proof = verify(forged, heads)
    assert proof.intact is not known
    assert proof.vouched == max((head.number for head in heads if head.number <= start), default=0)


@given(st.text(), st.text(max_size=30))
def test_any_text_is_looked_at_without_a_slip(text: str, middle: str) -> None:
    """A log is read from a host: anything may stand there."""
    verify(text, HEADS)
    verify(LINES[0] + middle + LINES[1])
