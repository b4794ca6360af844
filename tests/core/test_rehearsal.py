"""A rehearsal as values: what the copy has to hold, whether there is room, what is remembered, what goes one way."""

from __future__ import annotations

from dataclasses import replace

from flows.core.change_state import Image, Images
from flows.core.data.compare import compare
from flows.core.data.records import Detached
from flows.core.data.verdict import Word
from flows.core.preflight.rehearse import pulled_unrehearsed
from flows.core.rehearsal import Rehearsal, Setting, from_json, not_rehearsed, one_way, reference, set_aside
from flows.core.rehearsal_room import Room, cpus, unfit
from tests.core.data_support import UUID, part, store, table

GIB = 1 << 30
NOW = 1_800_000_000.0
PLENTY = Room(3 << 20, 400, 3_000, 50 * GIB, 100 * GIB, 5_000_000, 16 * GIB, 0.5)
IMAGE = Image("portsip/clickhouse:25.8", "sha256:8", "portsip/clickhouse@sha256:d8", "25.8")
OLD = Image("portsip/clickhouse:24.8", "sha256:4", "portsip/clickhouse@sha256:d4", "24.8")
PBX = Image("portsip/pbx:22", "sha256:2", "portsip/pbx@sha256:d2", "22.8.0.2104")
DONE = Rehearsal(
    "20270101T000000Z-r1", NOW - 3600, True, *("portsip/clickhouse:25.8", "sha256:8", ""), "", "", "", "r1"
)
FOLDER = f"/store/5f3/{UUID}"


def test_a_copy_that_holds_every_part_is_whole() -> None:
    """What came in after the first look may be in it or not."""
    before, after = store([part("1_1_1_0"), part("1_2_2_0")]), store([part(f"1_{n}_{n}_0") for n in (1, 2, 3)])
    for names in (["1_1_1_0", "1_2_2_0"], ["1_1_1_0", "1_2_2_0", "1_3_3_0"]):
        assert not compare(before, reference(before, after, {FOLDER: names})).failed


def test_a_part_that_was_merged_meanwhile_is_no_false_alarm() -> None:
    """It is in the copy as the part that the live server merged it into, with what came in since."""
    before = store([part("1_1_1_0"), part("1_2_2_0")])
    sources = [part(f"1_{n}_{n}_0", active=False) for n in (1, 2, 3)]
    after = store([part("1_1_3_1", 300), *sources])
    held = reference(before, after, {FOLDER: ["1_1_3_1"]})
    verdict = compare(before, held)
    assert verdict.worst is not None
    assert (verdict.worst.word, verdict.failed) == (Word.GREW, False)
    assert [p.name for p in held.parts if p.active] == ["1_1_3_1"]


def test_a_part_that_is_not_in_the_copy_is_never_excused() -> None:
    """Neither by one that came in since, nor by an equal number of rows."""
    before = store([part("1_1_1_0"), part("1_2_2_0")])
    after = store([part("1_1_1_0"), part("1_2_2_0"), part("1_3_3_0")])
    for names in (["1_1_1_0"], ["1_1_1_0", "1_3_3_0"], []):
        assert compare(before, reference(before, after, {FOLDER: names})).failed


def test_what_the_new_engine_does_not_read_is_lost_or_unreadable() -> None:
    """The copy held it, so that the comparison with what was read tells."""
    live = store([part("1_1_1_0"), part("1_2_2_0")])
    held = reference(live, live, {FOLDER: ["1_1_1_0", "1_2_2_0"]})
    assert compare(held, store([part("1_1_1_0")])).failed
    assert not compare(held, live).failed


def test_rows_in_memory_are_in_no_copy() -> None:
    """A Buffer tells the rows of the table behind it as well; what it holds itself comes with the clean stop."""
    ddl = "CREATE TABLE default.late (`a` UInt32) ENGINE = Buffer('default', 'cdr', 1)"
    buffer = table("Buffer", name="late", uuid="u2", total_rows=150, ddl=ddl)
    live = store([part("1_1_1_0")], tables=[table(), buffer])
    held = reference(live, live, {FOLDER: ["1_1_1_0"]})
    read = replace(live, tables=(table(), replace(buffer, total_rows=100)))
    assert not compare(held, read).failed


def test_what_the_own_clickhouse_sets_aside_of_a_copy_is_damage() -> None:
    """A copy comes without anything set aside, so whatever is there was done by opening it."""
    live = store([part("1_1_1_0")])
    assert set_aside(live) == ""
    aside = [Detached("default", "cdr", "1", f"broken-on-start_1_{n}_{n}_0", "broken-on-start") for n in range(7)]
    said = set_aside(replace(live, detached=tuple(aside)))
    assert "itself sets aside: default.cdr broken-on-start_1_0_0_0 (broken-on-start), " in said
    assert said.endswith(" and 2 more")


def test_tables_of_a_database_without_uuids_are_found_by_name() -> None:
    """Their folder is data/DATABASE/TABLE, with what is no letter written as in an address."""
    other = table(name="cdr-old", uuid="00000000-0000-0000-0000-000000000000")
    live = store([part("1_1_1_0", table="cdr-old")], tables=[other])
    assert len(reference(live, live, {"/data/default/cdr%2Dold": ["1_1_1_0"]}).parts) == 1


def test_a_server_with_plenty_of_everything_may_rehearse() -> None:
    """And takes a tenth of its CPUs, of a small one a fifth of one."""
    assert unfit(PLENTY, 8) == ()
    assert (cpus(8), cpus(1)) == (0.8, 0.2)


def test_each_shortage_is_told_with_its_figures() -> None:
    """Disk, inodes, memory, load: what is there and what is needed."""
    poor = replace(PLENTY, free=GIB, inodes=9_000, memory=3 * GIB, load=7.0)
    disk, memory, load = unfit(poor, 8)
    assert disk.id == "rehearsal.no-room"
    for said in ("50.0 GiB in 3,000 parts needs 28.0 MiB", "1.0 GiB are free", "9,000 inodes are free of 16,400"):
        assert said in disk.message
    assert (memory.id, load.id) == ("rehearsal.no-memory", "rehearsal.server-busy")
    assert "3.0 GiB of memory are available" in memory.message
    assert "7 on 8 vCPU; more than 6 is too busy" in load.message
    assert unfit(replace(PLENTY, inodes=None), 8) == ()


def test_a_passed_rehearsal_of_the_very_image_is_good_for_so_many_days() -> None:
    """By its id, or by its digest where the id is another one; no other image, and no longer."""
    assert not_rehearsed([DONE], IMAGE, 1, NOW) is None
    by_digest = replace(DONE, image_id="", digest=IMAGE.digest)
    assert not_rehearsed([by_digest], IMAGE, 1, NOW) is None
    assert "no rehearsal of" in str(not_rehearsed([], IMAGE, 1, NOW))
    assert "no rehearsal of" in str(not_rehearsed([DONE], OLD, 1, NOW))
    assert "older than 1 days" in str(not_rehearsed([replace(DONE, at=NOW - 90_000)], IMAGE, 1, NOW))


def test_the_last_rehearsal_counts() -> None:
    """Data that passed once may have failed since; and the other way round."""
    failed = replace(DONE, passed=False, at=NOW - 60, said="1 row lost")
    assert "failed: 1 row lost" in str(not_rehearsed([failed, DONE], IMAGE, 7, NOW))
    assert not_rehearsed([failed, replace(DONE, at=NOW - 30)], IMAGE, 7, NOW) is None


def test_an_image_that_was_pulled_is_judged_again() -> None:
    """The tag may mean another one by now; what runs already needs none."""
    old, new = Images(PBX, OLD), Images(PBX, replace(IMAGE, id="sha256:9", digest=""))
    (found,) = pulled_unrehearsed([DONE], old, new, 7, NOW)
    assert found.id == "upgrade.not-rehearsed"
    assert pulled_unrehearsed([DONE], old, Images(PBX, IMAGE), 7, NOW) == ()
    assert pulled_unrehearsed([], old, old, 7, NOW) == ()
    assert pulled_unrehearsed([], old, new, 0, NOW) == ()


def test_the_record_of_a_rehearsal_is_read_again() -> None:
    """A damaged line, or one that lacks what matters, proves nothing."""
    assert from_json(DONE.as_json()) == DONE
    assert from_json(DONE.as_json().replace("}", ', "later": 1}')) == DONE
    assert [from_json(text) for text in ("", "{", "[]", '{"id": "x"}')] == [None] * 4


def test_only_defaults_that_change_files_and_came_since_are_told() -> None:
    """What the running version has already is no news, and how often something is merged goes back."""
    files, older, harmless = (
        Setting("25.8", "write_marks_for_substreams_in_compact_parts", "0", "1", "new"),
        Setting("24.3", "compress_marks", "0", "1", "old"),
        Setting("25.1", "max_parts_to_merge", "1", "2", "speed"),
    )
    assert one_way((files, older, harmless), "24.8.4.1") == (files,)
