"""A plan's hash: the same world gives the same one, and each thing that the plan rests on changes it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flows.core import install
from flows.core.plan import Plan, Step
from flows.core.snapshot import Image, Snapshot
from flows.core.wish import Wish
from tests.core.healthy import (
    CLICKHOUSE,
    DATAFLOW,
    DAY,
    SNAPSHOT,
    WISH,
    ip_rule,
    wish,
    with_docker,
    with_pbx,
    with_script,
)

EMPTY = with_docker(containers=(), images=())


def plan_hash(snapshot: Snapshot = EMPTY, wanted: Wish = WISH, lowered: tuple[str, ...] = ()) -> str:
    """The hash of an install."""
    return install.plan(snapshot, wanted, lowered).hash


@given(
    now=st.floats(0, 300 * DAY),
    sizes=st.integers(0, 2**50),
    memory=st.integers(1, 2**40),
    offset=st.floats(-100, 100),
)
def test_time_size_and_load_leave_the_hash_alone(now: float, sizes: int, memory: int, offset: float) -> None:
    """What changes by itself between the look and the look under the lock is not in it."""
    disks = tuple(replace(d, available=sizes, size=sizes) for d in SNAPSHOT.server.disks or ())
    server = replace(SNAPSHOT.server, disks=disks, memory=memory, clock_offset=offset, processes=frozenset({"x"}))
    later = replace(EMPTY, server=server, taken_at=EMPTY.taken_at + now)
    assert plan_hash(later, wish(now=WISH.now + now)) == plan_hash()


def other_worlds() -> dict[str, str]:
    """The hash after each single change of something that the plan rests on."""
    newer = (Image(CLICKHOUSE.image, "sha256:9", ()), Image(DATAFLOW.image, DATAFLOW.image_id, ()))
    token = replace(EMPTY, pbx=replace(EMPTY.pbx, token="absent"))
    rules = replace(EMPTY, pbx=replace(EMPTY.pbx, ip_rules=()))
    return {
        "the script": plan_hash(replace(EMPTY, script=replace(EMPTY.script, sha256="1" * 64))),
        "lowered findings": plan_hash(lowered=("host.vcpu",)),
        "the private address": plan_hash(wanted=wish(private_address="192.168.1.27")),
        "the public address": plan_hash(wanted=wish(public_address="203.0.113.9")),
        "the data path": plan_hash(wanted=wish(data_path="/srv/portsip")),
        "the wished PBX image": plan_hash(wanted=wish(pbx_image="portsip/pbx:22.8.0")),
        "the PBX image of vars.yml": plan_hash(
            replace(EMPTY, script=replace(EMPTY.script, variables={"pbx_image": "p:1"}))
        ),
        "the ClickHouse image": plan_hash(wanted=wish(clickhouse_image="portsip/clickhouse:24.8")),
        "the script's folder": plan_hash(wanted=wish(script_folder="/root/ha")),
        "a missing token": plan_hash(token),
        "a wished new token": plan_hash(wanted=wish(new_token=True)),
        "a missing whitelist entry": plan_hash(rules),
        "a login that is not there": plan_hash(replace(EMPTY, script=replace(EMPTY.script, logs_in=False))),
        "an image that is there": plan_hash(with_docker(containers=())),
        "another image behind the tag": plan_hash(with_docker(containers=(), images=newer)),
        "a service that runs": plan_hash(SNAPSHOT),
    }


def test_each_thing_that_the_plan_rests_on_changes_the_hash() -> None:
    """What was agreed to in one of these worlds is not carried out in the other."""
    assert [name for name, other in other_worlds().items() if other == plan_hash()] == []


def test_the_order_of_lowered_findings_does_not_matter() -> None:
    """The same set is the same plan."""
    assert plan_hash(lowered=("host.vcpu", "host.os")) == plan_hash(lowered=("host.os", "host.vcpu"))


CHANGES: list[tuple[bool, ...]] = [(), (False,), (False, True), (True, True)]


def test_a_plan_changes_something_when_one_step_does() -> None:
    """A plan of looks alone changes nothing."""
    for changes in CHANGES:
        steps = tuple(Step(f"s{number}", "title", each) for number, each in enumerate(changes))
        assert Plan("install", "t", steps).changes is any(changes)


def test_the_hash_is_short_and_the_same_in_every_process() -> None:
    """It is shown to people and compared by a later run: a literal, so that a change of its making is noticed."""
    plan = Plan("install", "target", (Step("token", "keep it", False),), (("script", "abc"),))
    assert plan.hash == "d874b06a7534d801"


def test_steps_are_those_of_the_guide_in_its_order() -> None:
    """Whitelist, token, key, images, script, proof."""
    steps = install.plan(EMPTY, WISH, ()).steps
    assert [step.task for step in steps] == [
        *("whitelist", "token", "ssh-key", "pull-image", "recreate", "verify-row-counts"),
    ]


def test_a_complete_world_plans_no_change() -> None:
    """Run again, it changes nothing and says so."""
    plan = install.plan(SNAPSHOT, WISH, ())
    assert not plan.changes
    assert plan.steps[4].title == "the service runs with the wanted images: leave it alone"


def test_an_empty_world_plans_the_script_with_its_whole_command() -> None:
    """An administrator can read what would be run."""
    script = install.plan(EMPTY, WISH, ()).steps[4]
    assert script.changes
    assert script.title == (
        "on pbx01: cd /opt/portsip-pbx-ha-guide && /bin/bash dataflow.sh run -p /var/lib/portsip -a 192.168.1.26"
        " -i portsip/pbx:22 -d portsip/clickhouse:25.8"
    )


def test_only_addresses_without_a_lasting_entry_are_added() -> None:
    """One that ends soon counts as missing, one that covers the address is kept."""
    both = wish(public_address="203.0.113.9")
    assert install.missing_entries((ip_rule("192.168.1.0/24"),), both) == ("203.0.113.9",)
    assert install.missing_entries((ip_rule("192.168.1.26", days=30),), WISH) == ("192.168.1.26",)
    assert install.missing_entries((ip_rule("192.168.1.26", "DENY"),), WISH) == ("192.168.1.26",)
    step = install.plan(with_pbx(ip_rules=()), both, ()).steps[0]
    assert (step.changes, step.title) == (True, "add 192.168.1.26 and 203.0.113.9 to the PBX's IP list")


def test_a_token_by_hand_is_neither_generated_nor_checked() -> None:
    """Even where none is known."""
    step = install.plan(with_pbx(token=None), wish(token_by_hand=True), ()).steps[1]
    assert (step.changes, step.title) == (False, "trust the token that was generated by hand")


def test_a_login_that_was_not_tried_is_planned() -> None:
    """Not known is not "already so"."""
    step = install.plan(with_script(logs_in=None), WISH, ()).steps[2]
    assert (step.changes, step.title) == (True, "let pbx01 log in to 192.168.1.26 without a password")
