"""Every part is followed: identical, attached again, merged, mutated, expired, set aside, or lost."""

from __future__ import annotations

import pytest

from flows.core.data.records import Detached
from flows.core.data.verdict import Word
from tests.core.data_support import NOW, TTL_DDL, mutation, part, store, table, verdict

OLD = [part("all_1_1_0"), part("all_2_2_0"), part("all_3_3_0")]
INACTIVE = [part(each.name, active=False) for each in OLD]


def test_the_same_parts_are_ok() -> None:
    """Name, content and rows."""
    found = verdict(store(OLD), store(OLD))
    assert (found.word, found.rows_before, found.rows_after, found.lost) == (Word.OK, 300, 300, 0)
    assert found.why == "every part is there unchanged"


def test_new_parts_are_growth() -> None:
    """Somebody wrote since."""
    found = verdict(store(OLD), store([*OLD, part("all_4_4_0", 7)]))
    assert (found.word, found.grew, found.why) == (Word.GREW, 7, "7 new rows in the table")


def test_a_part_that_is_gone_is_lost_rows() -> None:
    """Named, with its rows."""
    found = verdict(store(OLD), store([OLD[0], OLD[2]]))
    assert (found.word, found.lost) == (Word.LOST, 100)
    assert "100 rows of 1 part (all_2_2_0) of the table are gone" in found.why


def test_equal_counts_do_not_hide_a_lost_part() -> None:
    """The next insert was given the lost part's block number, and has as many rows."""
    found = verdict(store(OLD), store([*OLD[:2], part("all_3_3_0", content="other")]))
    assert (found.word, found.rows_before, found.rows_after, found.lost) == (Word.LOST, 300, 300, 100)
    assert "same name with other content" in found.why


def test_many_parts_are_named_shortly() -> None:
    """A sentence stays readable."""
    old = [part(f"202{year}_1_1_0") for year in range(8)]
    found = verdict(store(old), store())
    assert "800 rows of 8 parts (2020_1_1_0, 2021_1_1_0, 2022_1_1_0 and 5 more)" in found.why
    assert "partitions 2020, 2021, 2022 and 5 more" in found.why


def test_parts_attached_again_under_other_names_are_ok() -> None:
    """DETACH and ATTACH give new block numbers to the same files."""
    again = [part(f"all_{n}_{n}_0", content=f"hash of all_{n - 6}_{n - 6}_0") for n in (7, 8, 9)]
    assert verdict(store(OLD), store(again)).word is Word.OK


def test_one_copy_does_not_stand_for_two() -> None:
    """Two parts of the same content, of which one is left."""
    old = [part("all_1_1_0", content="same"), part("all_2_2_0", content="same")]
    found = verdict(store(old), store([part("all_3_3_0", content="same")]))
    assert (found.word, found.lost) == (Word.LOST, 100)


def test_a_merge_seen_with_its_sources_is_ok() -> None:
    """The inactive parts show that all was read."""
    assert verdict(store(OLD), store([part("all_1_3_1", 300), *INACTIVE])).word is Word.OK


def test_a_merge_of_old_parts_needs_no_witness_while_the_newest_part_is_there() -> None:
    """No block number can have been given twice."""
    assert verdict(store(OLD), store([part("all_1_2_1", 200), OLD[2]])).word is Word.OK


def test_a_merge_over_a_gap_is_a_loss() -> None:
    """The merged part has fewer rows than its sources."""
    found = verdict(store(OLD), store([part("all_1_3_1", 200)]))
    assert (found.word, found.lost) == (Word.LOST, 100)
    assert "missing in all_1_3_1" in found.why


def test_a_merge_over_a_gap_with_new_rows_is_unproven() -> None:
    """Old and new rows in one part: the counts could be anything."""
    found = verdict(store(OLD), store([part("all_1_4_1", 350)]))
    assert (found.word, found.lost) == (Word.UNPROVEN, 0)
    assert "cannot be proved" in found.why


def test_a_number_given_twice_behind_a_merge_is_unproven() -> None:
    """The newest part was lost, a new one of equal size took its number, and both are merged: nothing shows it."""
    assert verdict(store(OLD), store([part("all_1_3_1", 300)])).word is Word.UNPROVEN


def test_an_inactive_part_shows_a_number_given_twice() -> None:
    """Its content is another one."""
    seen = [part("all_3_3_0", content="other", active=False), *INACTIVE[:2]]
    found = verdict(store(OLD), store([part("all_1_3_1", 300), *seen]))
    assert (found.word, found.lost) == (Word.LOST, 100)


def test_the_early_snapshot_proves_what_a_merge_hides() -> None:
    """Read after the restart, before the new rows came."""
    for early in (OLD, [part("all_1_3_1", 300), *INACTIVE], [*INACTIVE, part("all_1_3_1", 300)]):
        found = verdict(store(OLD), store([part("all_1_4_2", 350)]), store(early))
        assert (found.word, found.grew, found.lost) == (Word.GREW, 50, 0)


def test_the_early_snapshot_shows_a_loss_that_a_merge_hides() -> None:
    """One of three was not there any more, whatever the merged part's name and rows say."""
    early = store(OLD[:2])
    assert verdict(store(OLD), store([part("all_1_4_1", 350)]), early).word is Word.LOST
    short = store([part("all_1_3_1", 200)])
    assert verdict(store(OLD), store([part("all_1_4_2", 350)]), short).word is Word.LOST
    assert verdict(store(OLD), store([part("all_1_2_1", 200)]), early).word is Word.LOST


def test_an_early_snapshot_of_another_server_proves_nothing() -> None:
    """A wrong folder was mounted when it was taken."""
    early = store(OLD, server_uuid="another")
    assert verdict(store(OLD), store([part("all_1_4_1", 350)]), early).word is Word.UNPROVEN


@pytest.mark.parametrize(("reason", "name"), [("broken-on-start", "broken-on-start_all_2_2_0"), ("", "all_2_2_0")])
def test_a_part_set_aside_is_unreadable(reason: str, name: str) -> None:
    """By the server or by a person; on disk, but not in the table."""
    aside = Detached("default", "cdr", "all", name, reason)
    found = verdict(store(OLD), store([OLD[0], OLD[2]], detached=(aside,)))
    assert (found.word, found.lost) == (Word.UNREADABLE, 100)
    assert f"set aside {'as ' + reason + ' ' if reason else ''}in the table's folder detached" in found.why


def test_what_was_set_aside_before_explains_nothing() -> None:
    """An old folder of the same name."""
    aside = Detached("default", "cdr", "all", "all_2_2_0")
    assert verdict(store(OLD, detached=(aside,)), store([OLD[0], OLD[2]], detached=(aside,))).word is Word.LOST


def test_an_expired_part_may_be_gone() -> None:
    """Its last row was due; one that is not due is lost."""
    old = [part("all_1_1_0", ttl_min=NOW - 9, ttl_max=NOW - 5), part("all_2_2_0", ttl_min=NOW - 9, ttl_max=NOW + 5)]
    tables = (table(ddl=TTL_DDL),)
    found = verdict(store(old, tables), store([old[1]], tables))
    assert (found.word, found.lost, found.grew) == (Word.SHRANK_EXPLAINED, 0, 0)
    assert "expired by the table's TTL" in found.why
    assert verdict(store(old, tables), store([old[0]], tables)).word is Word.LOST
    assert verdict(store(old), store([old[1]])).word is Word.LOST  # a date, but no TTL any more


def test_rows_expire_out_of_a_part() -> None:
    """A merge drops those that are due."""
    old = [part("all_1_1_0", ttl_min=NOW - 9, ttl_max=NOW + 5)]
    tables = (table(ddl=TTL_DDL),)
    shrunk = store([part("all_1_1_1", 60), part("all_1_1_0", active=False)], tables)
    assert verdict(store(old, tables), shrunk).word is Word.SHRANK_EXPLAINED
    assert verdict(store(old, tables), store([part("all_1_1_1", 0)], tables)).word is Word.LOST


def test_lightly_deleted_rows_go_with_the_next_merge() -> None:
    """They were counted, but hidden."""
    old = [part("all_1_1_0", lwd=True), part("all_2_2_0")]
    found = verdict(store(old), store([part("all_1_1_1", 90), old[1]]))
    assert (found.word, found.lost) == (Word.SHRANK_EXPLAINED, 0)


MERGING_ENGINES: list[str] = ["ReplacingMergeTree", "SummingMergeTree", "VersionedCollapsingMergeTree"]


def test_engines_that_merge_equal_rows_may_shrink() -> None:
    """When every source was seen; else a lost one could hide behind the explanation."""
    for engine in MERGING_ENGINES:
        merged = part("all_1_3_1", 150)
        found = verdict(store(OLD, engine=engine), store([merged, *INACTIVE], engine=engine))
        assert found.word is Word.SHRANK_EXPLAINED
        assert engine in found.why
        assert verdict(store(OLD, engine=engine), store([merged], engine=engine)).word is Word.UNPROVEN


def test_an_emptied_table_of_such_an_engine_is_lost() -> None:
    """DROP PARTITION leaves empty parts; merging equal rows leaves one of each."""
    empty = [part(f"all_{n}_{n}_1", 0) for n in (1, 2, 3)]
    found = verdict(store(OLD, engine="ReplacingMergeTree"), store(empty, engine="ReplacingMergeTree"))
    assert (found.word, found.lost) == (Word.LOST, 300)


def test_a_delete_explains_and_is_named() -> None:
    """With the mutation's name, as the server shows it."""
    after = store([part("all_1_1_0_4", 40), *OLD[1:]], mutations=(mutation(4, "(DELETE WHERE a < 60)"),))
    found = verdict(store(OLD), after)
    assert (found.word, found.lost) == (Word.SHRANK_EXPLAINED, 0)
    assert "deleted by mutation mutation_4.txt" in found.why


def test_a_mutation_that_was_done_before_explains_nothing() -> None:
    """Its rows were gone in the first snapshot already."""
    done = (mutation(4, "DELETE WHERE a < 60"),)
    assert verdict(store(OLD, mutations=done), store(OLD[:2], mutations=done)).word is Word.LOST


def test_a_part_that_a_delete_may_have_emptied_is_unproven() -> None:
    """Unless an empty part in its place was seen."""
    mutations = (mutation(4, "DELETE WHERE 1"),)
    assert verdict(store(OLD), store(OLD[:2], mutations=mutations)).word is Word.UNPROVEN
    seen = store([*OLD[:2], part("all_3_3_0_4", 0, active=False)], mutations=mutations)
    assert verdict(store(OLD), seen).word is Word.SHRANK_EXPLAINED


def test_a_broken_part_is_not_taken_for_a_deleted_one() -> None:
    """Being set aside is certain, the rest is a guess."""
    mutations = (mutation(4, "DELETE WHERE 1"),)
    aside = (Detached("default", "cdr", "all", "broken-on-start_all_3_3_0", "broken-on-start"),)
    after = store(OLD[:2], mutations=mutations, detached=aside)
    assert verdict(store(OLD), after).word is Word.UNREADABLE


def test_a_ttl_without_dates_proves_nothing() -> None:
    """TTL ... WHERE leaves none in the parts: fewer rows may be right or wrong."""
    tables = (table(ddl=f"{TTL_DDL} WHERE a = 1"),)
    assert verdict(store(OLD, tables), store(OLD[:2], tables)).word is Word.UNPROVEN
    assert verdict(store(OLD, tables), store([*OLD[:2], part("all_3_3_1", 40)], tables)).word is Word.UNPROVEN


def test_a_part_of_hidden_rows_may_be_emptied_by_a_merge() -> None:
    """Or by DROP PARTITION, which leaves an empty part as well."""
    old = [part("all_1_1_0", lwd=True), part("all_2_2_0")]
    assert verdict(store(old), store([part("all_1_1_1", 0, active=False), old[1]])).word is Word.UNPROVEN
    assert verdict(store(old), store([part("all_1_1_1", 0), old[1]])).word is Word.UNPROVEN


def test_a_part_attached_again_may_leave_a_gap_in_a_merge() -> None:
    """Detached, its neighbours merged over the gap, attached with a new number."""
    again = part("all_9_9_0", content="hash of all_2_2_0")
    assert verdict(store(OLD), store([part("all_1_3_1", 200), again, *INACTIVE])).word is Word.OK


def test_an_update_is_a_mutation_only() -> None:
    """As many rows, in rewritten parts."""
    after = store([part(f"all_{n}_{n}_0_4") for n in (1, 2, 3)] + INACTIVE, mutations=(mutation(4, "UPDATE a = 1"),))
    found = verdict(store(OLD), after)
    assert (found.word, found.lost) == (Word.MUTATED, 0)
    assert "mutation_4.txt" in found.why


def test_an_update_explains_no_missing_rows() -> None:
    """It never deletes."""
    after = store([part("all_1_1_0_4", 40), *OLD[1:]], mutations=(mutation(4, "UPDATE a = 1 WHERE a = 2"),))
    assert verdict(store(OLD), after).word is Word.LOST


def test_patch_parts_come_and_go() -> None:
    """A lightweight UPDATE writes them, the next merge takes them in."""
    found = verdict(store([*OLD, part("patch-x_1_1_0")]), store(OLD))
    assert (found.word, found.rows_before, found.lost) == (Word.OK, 300, 0)
