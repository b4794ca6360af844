"""Judging: unknown is never a pass, findings can be lowered by name, and the list for users is complete."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import flows
from flows.core import preflight
from flows.core.findings import Level
from flows.core.preflight import (
    OTHER_FINDINGS,
    RULES_INSTALL,
    RULES_LOOK,
    RULES_REMOVE,
    RULES_ROLLBACK,
    Rule,
    judge,
    registered,
    rehearsed,
)
from flows.core.preflight.rule import rule as make_rule
from flows.core.snapshot import DockerFacts, PbxFacts, ScriptFacts, Snapshot
from tests.core.healthy import SNAPSHOT, WISH, host, ip_rule, wish, with_control, with_disk, with_script, with_server

NOTHING = replace(
    SNAPSHOT,
    control=replace(host("pbx01", ""), **dict.fromkeys(vars(SNAPSHOT.control).keys() - {"name", "reached"})),
    server=replace(host("dataflow01", ""), **dict.fromkeys(vars(SNAPSHOT.server).keys() - {"name", "reached"})),
    script=ScriptFacts(folder="/f", name="dataflow.sh"),
    pbx=PbxFacts(),
    docker=DockerFacts(),
    saved=None,
    password_recorded=None,
    password_file=None,
)

# What has no unknown: it says by itself that something was not to be had, or it is told by the block.
TELL_THEMSELVES = {"docker.absent", "pbx.unreachable", "pbx.image-unknown", "pbx.token-unknown"}
TELL_THEMSELVES |= {"pbx.token-missing", "pbx.token-not-generated"}


def test_an_unknown_fact_is_a_finding_of_the_rules_level() -> None:
    """On a cluster that tells nothing, each rule says what it could not learn."""
    for rule in RULES_LOOK:
        if rule.id in TELL_THEMSELVES:
            continue
        finding = rule(NOTHING, wish(public_address="203.0.113.9"))
        assert finding is not None, rule.id
        assert finding.message.startswith("unknown: "), rule.id
        assert finding.level is registered()[rule.id].level, rule.id


def test_an_unknown_fact_says_why_the_host_could_not_be_looked_at() -> None:
    """The trouble of a host stands beside what is not known of it."""
    seen = registered()["host.vcpu"](with_server(vcpu=None, trouble="connection refused"), WISH)
    assert seen is not None
    assert seen.message == "unknown: the number of vCPUs of dataflow01 (connection refused)"


def test_all_hosts_that_fail_stand_in_one_message_with_those_not_known() -> None:
    """A rule for several hosts names every one that fails and every one that is unknown."""
    snapshot = replace(with_control(sudo=None), server=replace(SNAPSHOT.server, sudo=False))
    seen = registered()["host.sudo"](snapshot, WISH)
    assert seen is not None
    assert "dataflow01: pbx may not use sudo" in seen.message
    assert "unknown: whether sudo works without a password of pbx01" in seen.message


def test_a_clock_read_over_a_slow_link_is_unknown_near_the_limit() -> None:
    """What the travel time leaves open is neither good nor bad."""
    seen = registered()["host.clock-skew"](with_server(clock_offset=4.5, clock_uncertainty=2.0), WISH)
    assert seen is not None
    assert seen.message.startswith("unknown: the worker and dataflow01 differ by 4.5 s, give or take 2.0 s")


def test_words_of_ha_ctl_that_nobody_understands_are_unknown() -> None:
    """A form of ha_ctl.sh that we never saw is no proof of health."""
    seen = registered()["control.ha-unhealthy"](with_script(ha_status="all fine, trust me"), WISH)
    assert seen is not None
    assert "were not understood" in seen.message


def test_a_version_without_numbers_is_unknown() -> None:
    """A PBX version that cannot be compared is not taken for new enough."""
    seen = registered()["pbx.version"](replace(SNAPSHOT, pbx=replace(SNAPSHOT.pbx, version="beta")), WISH)
    assert seen is not None
    assert seen.message.startswith("unknown: what the version 'beta'")


def test_a_refused_port_counts_more_than_an_untried_one() -> None:
    """A port that was not tried is unknown, unless another one is shut for sure."""
    rule = registered()["host.pbx-unreachable"]
    untried = rule(with_server(reachable=(("192.168.1.20", 8887, True),)), WISH)
    shut = rule(with_server(reachable=(("192.168.1.20", 8887, False),)), WISH)
    assert untried is not None and untried.message.startswith("unknown: ") and "4222" in untried.message
    assert shut is not None and shut.message == "dataflow01 cannot reach 192.168.1.20 on port 8887"


def test_a_disk_that_was_not_asked_about_is_unknown() -> None:
    """The room for images is not known when Docker's root was moved to a folder that nobody asked about."""
    moved = replace(SNAPSHOT, docker=replace(SNAPSHOT.docker, root="/srv/docker"))
    seen = registered()["host.docker-room"](moved, WISH)
    assert seen is not None
    assert seen.message == "unknown: the disk under /srv/docker of dataflow01"


TROUBLED: Snapshot = replace(with_server(vcpu=2, reboot_pending=True), docker=replace(SNAPSHOT.docker, present=False))


def test_all_findings_come_at_once_errors_first() -> None:
    """Everything is shown in one go, the most important first."""
    found = judge(TROUBLED, WISH, RULES_LOOK)
    assert [f.id for f in found] == ["host.vcpu", "host.sizing", "host.reboot-pending", "docker.absent"]
    assert [f.level for f in found] == [Level.ERROR, Level.WARNING, Level.WARNING, Level.NOTE]


def test_a_named_error_becomes_a_warning_that_says_so() -> None:
    """Lowering an error keeps it visible."""
    found = {f.id: f for f in judge(TROUBLED, WISH, RULES_LOOK, ["host.vcpu"])}
    assert (found["host.vcpu"].level, found["host.vcpu"].lowered) == (Level.WARNING, True)
    assert not found["host.reboot-pending"].lowered


def test_an_unknown_id_in_the_lowered_ones_is_a_warning() -> None:
    """A slip in the parameter does not pass unnoticed; ids of others are no slip."""
    found = judge(SNAPSHOT, WISH, RULES_LOOK, ["host.vcpus", "upgrade.later"], other_ids={"upgrade.later"})
    assert [(f.id, f.level) for f in found] == [("preflight.unknown-lowered-id", Level.WARNING)]
    assert "host.vcpus" in found[0].message


def test_what_would_put_data_at_risk_cannot_be_lowered() -> None:
    """A missing script stays an error although it was named."""
    found = judge(with_script(present=False), WISH, RULES_INSTALL, ["control.script-missing"])
    assert [(f.id, f.level) for f in found] == [
        ("control.script-missing", Level.ERROR),
        ("preflight.not-lowerable", Level.WARNING),
    ]


def test_what_an_install_mends_is_a_note_there() -> None:
    """A missing whitelist entry, token or login refuses no install."""
    fresh = replace(
        with_script(logs_in=False, public_key=""),
        pbx=replace(SNAPSHOT.pbx, ip_rules=(), token="absent"),
    )
    found = {f.id: f.level for f in judge(fresh, WISH, RULES_INSTALL)}
    mended = ("pbx.whitelist-missing", "pbx.token-missing", "control.login-missing", "control.key-missing")
    assert [found[name] for name in mended] == [Level.NOTE] * 4
    assert judge(fresh, WISH, RULES_LOOK)[0].level is Level.ERROR


def test_every_rule_quotes_its_sentence_and_says_what_to_do() -> None:
    """Each rule has a sentence of the guide, a hint, a section, and is in the lists."""
    for rule in registered().values():
        assert rule.sentence.endswith((".", ")."))
        assert rule.hint and rule.guide
    assert {r.id for rules in rule_lists() for r in rules} == set(registered())
    only_install = {name for name in registered() if name.startswith("install.")} | {"change.outside-window"}
    assert {r.id for r in RULES_INSTALL} - {r.id for r in RULES_LOOK} == only_install


def rule_lists() -> tuple[tuple[Rule, ...], ...]:
    """Every list of rules that a kind of change judges by."""
    found = (value for name, value in vars(preflight).items() if name.startswith("RULES_"))
    return tuple(rules for value in found for rules in (value.values() if isinstance(value, dict) else (value,)))


def documented() -> dict[str, tuple[str, str]]:
    """Id -> (level, hint) of the table of rules in FINDINGS.md."""
    text = (Path(flows.__file__).parent / "FINDINGS.md").read_text()
    rows = re.findall(r"^\| ([a-z]+\.[a-z0-9-]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|", text, re.MULTILINE)
    return {name: (level.strip(), hint.strip()) for name, level, hint in rows}


def test_the_list_for_users_names_every_finding_and_no_other() -> None:
    """FINDINGS.md and the rules agree, both ways, in id, level and hint."""
    listed = documented()
    assert set(listed) == set(registered()) | set(OTHER_FINDINGS)
    for rule in registered().values():
        level, hint = listed[rule.id]
        assert level.split()[0].rstrip(",") == rule.level
        assert ("*fixed*" in level) is not rule.lowerable
        assert hint == rule.hint
    for rule in RULES_INSTALL:
        if rule.level is not registered()[rule.id].level:
            assert f"install: {rule.level}" in listed[rule.id][0]


def test_an_unreadable_rotational_flag_is_unknown() -> None:
    """A disk that does not say whether it turns is not taken for an SSD."""
    seen = registered()["host.disk-ssd"](with_disk("/var/lib/portsip", rotational=None), WISH)
    assert seen is not None
    assert seen.message == "unknown: whether /dev/sdb1 under /var/lib/portsip is an SSD"


def test_a_shut_out_address_counts_more_than_an_unknown_one() -> None:
    """Without the worker's own address nothing is proven, unless another one is shut out for sure."""
    rule = registered()["pbx.address-denied"]
    nobody = replace(SNAPSHOT.pbx, worker_address=None)
    unsure = rule(replace(with_control(addresses=None), pbx=nobody), WISH)
    shut = rule(replace(SNAPSHOT, pbx=replace(nobody, ip_rules=(ip_rule("192.168.1.0/24", "DENY"),))), WISH)
    assert unsure is not None
    assert unsure.message == "unknown: whether the PBX denies the addresses of pbx01 and the worker's own address"
    assert shut is not None
    assert shut.message.startswith("the PBX shuts out the server 192.168.1.26 by 192.168.1.0/24 for ever")


def test_two_rules_cannot_have_one_id() -> None:
    """An id that is taken is refused when the second rule is written."""
    with pytest.raises(ValueError, match=r"two rules are called host\.vcpu"):
        make_rule("host.vcpu", hint="h")(lambda snapshot, wish: None)


@pytest.mark.parametrize("rules", [RULES_REMOVE, RULES_ROLLBACK], ids=["remove", "rollback"])
def test_a_rehearsal_shows_its_plan_at_any_time_and_before_anybody_confirmed(rules: tuple[Rule, ...]) -> None:
    """Only the missing confirmation and the hour become warnings; everything else refuses as in the change itself."""
    softer = [
        (rule.id, one.level) for rule, one in zip(rules, rehearsed(rules), strict=True) if one.level != rule.level
    ]
    softened = [(name.partition(".")[2], level) for name, level in softer]
    assert softened == [("not-confirmed", Level.WARNING), ("outside-window", Level.WARNING)]
