"""Facts: recorded outputs in, values out; what cannot be read is unknown and never an exception."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.core.facts import (
    Answers,
    control_questions,
    host_facts,
    host_questions,
    password_record,
    saved_parameters,
    script_facts,
    server_questions,
    split,
    unreached,
)
from flows.core.facts.system import parse_os_release
from flows.core.snapshot import Address, HostFacts, Listener

DATA = Path(__file__).parents[1] / "data"
PORTSIP = ("/", "/var/lib/portsip")


def recorded(prefix: str) -> dict[str, tuple[int, str]]:
    """The recorded answers of one machine, as if all of its commands had worked."""
    files = DATA.glob(f"{prefix}-*.txt")
    return {path.stem.removeprefix(f"{prefix}-"): (0, path.read_text()) for path in files}


def facts_of(answers: Answers) -> HostFacts:
    """Facts of a host whose clock was read within a second of ours."""
    return host_facts("h", answers, sent=1000.0, received=1001.0, folders=PORTSIP)


def test_debian_12_as_recorded() -> None:
    """Everything that a real Debian 12 machine printed is understood."""
    host = facts_of(recorded("debian-12"))
    assert (host.os_id, host.os_version, host.memory) == ("debian", "12", 24684096 * 1024)
    assert host.addresses is not None
    assert Address("192.0.2.2", "eth0", False) in host.addresses
    assert host.interfaces == ("lo", "ifb0", "ifb1", "eth0")
    assert host.listeners == (Listener("tcp", "0.0.0.0", 2024, ""),)
    assert host.packages is not None and "adduser" in host.packages
    assert host.processes is not None and {"kthreadd", "ps"} <= host.processes
    assert host.pending_updates is not None and "base-files" in host.pending_updates
    assert host.sleep_masked is False
    assert host.disks is not None and len(host.disks) == 1
    disk = host.disks[0]
    assert (disk.device, disk.file_system, disk.mount, disk.size) == ("/dev/vda", "ext4", "/", 270553174016)
    assert (disk.available, disk.rotational, disk.parents) == (83379466240, True, ("vda",))


def test_ubuntu_24_04_as_transcribed() -> None:
    """LVM, RAID, leased addresses, zones in socket addresses, chrony and updates in Ubuntu's forms."""
    host = facts_of(recorded("ubuntu-24.04-transcribed"))
    assert (host.os_id, host.os_version, host.clock_synchronised) == ("ubuntu", "24.04", True)
    assert host.addresses is not None
    assert Address("192.168.1.26", "ens3", True) in host.addresses
    assert host.pending_updates == ("libc6", "linux-image-generic", "openssl")
    assert host.listeners is not None
    assert Listener("udp", "127.0.0.53", 53, "systemd-resolve") in host.listeners
    assert Listener("udp", "fe80::20c:29ff:feff:6d2c", 546, "systemd-network") in host.listeners
    assert Listener("tcp", "*", 8123, "clickhouse-serv") in host.listeners
    assert host.disks is not None
    system, data = host.disks
    assert (system.rotational, system.parents) == (False, ("dm-0", "sda3", "sda"))
    # One half of the mirror turns, although the mirror itself says that it does not.
    assert (data.rotational, data.parents) == (True, ("md0", "sdb", "nvme0n1"))


def test_ubuntu_22_04_release() -> None:
    """The older release is told apart."""
    assert parse_os_release((DATA / "ubuntu-22.04-transcribed-os-release.txt").read_text()) == (
        "ubuntu",
        "22.04",
    )


ALWAYS = {"name", "reached", "trouble", "clock_uncertainty"}


def test_a_silent_host_leaves_every_fact_unknown() -> None:
    """No answer at all: no fact, no exception."""
    host = facts_of({})
    assert [f.name for f in fields(host) if f.name not in ALWAYS and getattr(host, f.name) is not None] == []
    assert unreached("h", "why").trouble == "why"


QUESTIONS = (*server_questions("/d"), *control_questions("/f", "n", "a", "u"))
NAMES = [q.name for q in host_questions(PORTSIP, (("h", 1),), QUESTIONS)]


GARBAGE = ("", "\x00garbage {[", "null", "[1, 2]", '{"blockdevices": 5}', "ü\n" * 3)


def test_an_answer_in_no_known_form_is_unknown_and_no_exception() -> None:
    """Garbage from any one command does not end the look."""
    good = recorded("ubuntu-24.04-transcribed")
    for name, text in product(NAMES, GARBAGE):
        answers = {**good, name: (0, text)}
        assert facts_of(answers).name == "h", name
        assert script_facts("/f", "n", answers, "ssh-ed25519 AAAA").folder == "/f", name
        assert password_record(answers)[1] is not True, name
        assert not saved_parameters(answers), name


UNREADABLE = {
    "os-release": "os_id",
    "architecture": "architecture",
    "vcpu": "vcpu",
    "memory": "memory",
    "processes": "processes",
    "sleep-targets": "sleep_masked",
    "addresses": "addresses",
    "listeners": "listeners",
    "packages": "packages",
    "boot-id": "boot_id",
}


def test_each_fact_is_unknown_when_its_command_fails() -> None:
    """An empty or failed answer is not taken for an empty list or a zero."""
    for name, field in UNREADABLE.items():
        assert getattr(facts_of({name: (0, "")}), field) is None, name
        assert getattr(facts_of({name: (127, "sh: not found")}), field) is None, name


def test_an_output_that_was_cut_off_keeps_what_is_whole() -> None:
    """A broken link leaves the last question unanswered, not wrong; a banner before is passed over."""
    text = "Welcome!\nfacts-mark 9-9\n9-9 begin a\nx\n\n9-9 end a 0\n9-9 begin b\nhal"
    assert split(text) == {"a": (0, "x\n")}
    assert split("no mark at all") == {}


@given(st.text("1-ab begindfacts-mark%s\\\"'$é漢😀\u2028\xa0", max_size=40))
def test_what_a_command_prints_comes_back_as_it_was(text: str) -> None:
    """Any text between the marks is one answer."""
    assert split(f"facts-mark 1-1\n1-1 begin a\n{text}\n\n1-1 end a 3\n") == {"a": (3, f"{text}\n")}


def test_the_clock_is_read_between_sending_and_receiving() -> None:
    """A host 3 s ahead, 0.4 s of travel, 5 s of other questions: only the travel is uncertain."""
    answers = {"clock-first": (0, "1003.200000\n"), "clock-last": (0, "1008.200000\n")}
    host = host_facts("h", answers, sent=1000.0, received=1005.4)
    assert host.clock_offset == pytest.approx(3.0)
    assert host.clock_uncertainty == pytest.approx(0.2)


def test_one_reading_of_the_clock_counts_the_whole_round_trip() -> None:
    """Without the second reading the whole time between is the uncertainty."""
    host = host_facts("h", {"clock-first": (0, "1003.0\n")}, sent=1000.0, received=1002.0)
    assert host.clock_offset == pytest.approx(2.0)
    assert host.clock_uncertainty == pytest.approx(1.0)
