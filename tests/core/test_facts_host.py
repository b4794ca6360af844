"""Single facts of a host: clock, updates, power saving, ports and disks in their odd forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.core.facts import (
    Answers,
    host_facts,
)
from flows.core.facts.clock import parse_chronyc
from flows.core.facts.disks import BlockDevices, parse_df
from flows.core.facts.network import port_questions
from flows.core.facts.packages import parse_automatic_reboot, parse_packages
from flows.core.facts.system import parse_sleep_masked
from flows.core.snapshot import HostFacts

DATA = Path(__file__).parents[1] / "data"
PORTSIP = ("/", "/var/lib/portsip")


def facts_of(answers: Answers) -> HostFacts:
    """Facts of a host whose clock was read within a second of ours."""
    return host_facts("h", answers, sent=1000.0, received=1001.0, folders=PORTSIP)


TIME = "NTPSynchronized={}\n"
CHRONY = (DATA / "ubuntu-24.04-transcribed-chronyc.txt").read_text()


CLOCKS: list[tuple[tuple[int, str], tuple[int, str], bool | None]] = [
    ((0, TIME.format("yes")), (127, ""), True),
    ((0, TIME.format("no")), (127, ""), False),
    ((1, ""), (0, CHRONY), True),
    ((0, TIME.format("no")), (0, CHRONY), True),
    ((1, ""), (0, CHRONY.replace(",3,", ",0,", 1).replace("Normal", "Not synchronised")), False),
    ((1, ""), (1, "506 Cannot talk to daemon\n"), None),
]


def test_the_clock_has_two_sources() -> None:
    """systemd's word or chrony's; without both it is unknown."""
    for timedatectl, chronyc, expected in CLOCKS:
        assert facts_of({"timedatectl": timedatectl, "chronyc": chronyc}).clock_synchronised is expected


def test_a_short_chrony_line_is_not_understood() -> None:
    """Another form of chronyc's output is not guessed at."""
    with pytest.raises(ValueError, match="tracking"):
        parse_chronyc("CB00710F,203.0.113.15,3\n")


def test_yes_and_no_questions() -> None:
    """Sudo, Python, reboot: exit code 0, another one, and no program."""
    good = facts_of({"sudo": (0, ""), "python": (0, "/usr/bin/python3\n"), "reboot-required": (0, "")})
    bad = facts_of({"sudo": (1, ""), "python": (127, ""), "reboot-required": (1, "")})
    assert (good.sudo, good.python, good.reboot_pending) == (True, True, True)
    assert (bad.sudo, bad.python, bad.reboot_pending) == (False, False, False)
    assert facts_of({"sudo": (127, "")}).sudo is False


def test_an_automatic_reboot_needs_the_package_that_does_it() -> None:
    """The setting alone reboots nothing."""
    setting = (0, 'Unattended-Upgrade::Automatic-Reboot "true";\n')
    without = {"automatic-reboot": setting, "packages": (0, "ii  bash 5.2\n")}
    with_it = {**without, "packages": (0, "ii  unattended-upgrades 2.9\n")}
    assert facts_of(without).automatic_reboot is False
    assert facts_of(with_it).automatic_reboot is True
    assert parse_automatic_reboot("") is False
    assert parse_automatic_reboot('Unattended-Upgrade::Automatic-Reboot-WithUsers "true";\n') is False


def test_removed_packages_are_not_installed() -> None:
    """Only what is really there counts; architectures are cut off, packages on hold stay."""
    text = "ii  bash 5.2\nrc  postgresql-16 16.1\nhi  docker-ce:amd64 28\n"
    assert parse_packages(text) == {"bash", "docker-ce"}


def test_the_age_of_the_package_lists_is_by_the_hosts_own_clock() -> None:
    """A host whose clock is wrong still tells the right age."""
    host = facts_of({"clock-first": (0, "500000.0\n"), "package-lists": (0, "413600\n")})
    assert host.package_lists_age == pytest.approx(86400.0)


def test_sleep_is_masked_only_when_all_of_it_is() -> None:
    """One target that is not masked is enough to fall asleep."""
    assert parse_sleep_masked("masked\nmasked\nmasked\nmasked\n") is True
    assert parse_sleep_masked("masked\nstatic\nmasked\nmasked\n") is False
    assert facts_of({"sleep-targets": (1, "masked\nmasked\nmasked\nmasked\n")}).sleep_masked is True


def test_governors_of_a_virtual_machine_are_none() -> None:
    """A machine without frequency scaling has no governor, which is not unknown."""
    assert facts_of({"governors": (1, "")}).governors == ()
    assert facts_of({"governors": (0, "powersave\npowersave\nperformance\n")}).governors == (
        "performance",
        "powersave",
    )


def test_ports_are_tried_in_order_and_odd_host_names_never_reach_a_shell() -> None:
    """Open, shut, not tried; a name with other characters is not asked at all."""
    ports = (("192.168.1.20", 8887), ("192.168.1.20", 4222), ("a b; reboot", 1))
    assert [question.name for question in port_questions(ports)] == ["port-0", "port-1"]
    host = host_facts("h", {"port-0": (0, ""), "port-1": (124, "")}, sent=0, received=0, ports=ports)
    assert host.reachable == (("192.168.1.20", 8887, True), ("192.168.1.20", 4222, False))


def test_df_of_a_file_system_without_inode_counts() -> None:
    """Some file systems count no inodes; a mount point may hold blanks."""
    text = "Filesystem Type 1B-blocks Avail IFree Mounted on\n/dev/sdb1 btrfs 100 50 - /srv/my data\n"
    assert parse_df(text) == ("/dev/sdb1", "btrfs", 100, 50, 0, "/srv/my data")


def test_a_device_that_df_names_otherwise_is_found_by_its_mount() -> None:
    """`/dev/root` is no block device of that name."""
    text = '{"blockdevices": [{"name": "sda1", "kname": "sda1", "pkname": "sda", "rota": "1", "mountpoint": "/"}]}'
    devices = BlockDevices(text)
    assert devices.find("/dev/root", "/") == "sda1"
    assert devices.find("tmpfs", "/") is None
    # The disk itself is not in the list: then it is not known whether it turns.
    assert devices.rotational("sda1") is None


def test_old_lsblk_prints_numbers_in_quotes() -> None:
    """util-linux before 2.34 quotes everything."""
    devices = BlockDevices('{"blockdevices": [{"name": "sda", "kname": "sda", "pkname": null, "rota": "0"}]}')
    assert devices.rotational("sda") is False
