"""Foreign text before it is passed on: what goes, and what has to stay readable."""

from __future__ import annotations

import pytest

from flows.core.contact.clean import clean, command_line, readable, shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "vip on 192.168.1.20, public 203.0.113.9 and 8.8.8.8.",
            "vip on 192.168.1.20, public 203.0.113.9 and <public address>.",
        ),
        ("from 2606:4700::1111 port 22", "from <public address> port 22"),
        ("fe80::1 and ::1 stay", "fe80::1 and ::1 stay"),
        ("call +49 170 1234567 or 0170/1234567 or 4917012345678", "call <number> or <number> or <number>"),
        ("mail anna.smith@example.org", "mail <mail>"),
        ("last change by anna via cibadmin on pbx01", "last change by <name> via cibadmin on pbx01"),
        ("last change by root via cibadmin", "last change by root via cibadmin"),
        ("password: hunter2 and more", "password: ***"),
        ("Started pbx01 at 2026-11-30 03:16:21+00:00", "Started pbx01 at 2026-11-30 03:16:21+00:00"),
        ("version 2.1.6-6fdc9deea29 - 22.3.17.1271", "version 2.1.6-6fdc9deea29 - 22.3.17.1271"),
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI7/4917012345678+0",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI7/4917012345678+0",
        ),
        ("bc:24:11:7a:10:26", "bc:24:11:7a:10:26"),
    ],
)
def test_what_is_personal_or_public_goes_and_the_rest_stays(text: str, said: str) -> None:
    """Private and documentation addresses, times, versions and host keys are not hurt."""
    assert clean(text) == said


def test_a_secret_goes_by_its_value_wherever_it_stands() -> None:
    """Also without a word before it."""
    assert clean("drbd hunter2 up", ["hunter2"]) == "drbd *** up"


def test_our_own_errors_stay_whole() -> None:
    """They say password and token without telling one, and their hint has to be read."""
    said = "this password was rejected before. Change user or password in the block."
    assert readable(said) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["dataflow", "serve", "-a", "192.168.1.20", "-z", "8.8.8.8"],
            "dataflow serve -a 192.168.1.20 -z <public address>",
        ),
        (["dataflow", "-t", "2.YWYXNWVI"], "dataflow -t …"),
        (["clickhouse-client --password hunter2 -q 'SELECT 1'"], "clickhouse-client --password … -q … …"),
        (["CMD", "wget", "-q", "http://localhost:8123/ping"], "… wget -q http://localhost:8123/ping"),
        (["/usr/bin/x", "--phone=4917012345678", "call4917"], "/usr/bin/x … …"),
        (["wget", "http://user:pass@host/"], "wget …"),
    ],
)
def test_a_command_shows_options_paths_and_private_addresses(words: list[str], said: str) -> None:
    """Any other word could be a secret."""
    assert command_line(words) == said


def test_what_is_no_address_is_left_as_it_is() -> None:
    """A name, a time."""
    assert [shown(text) for text in ("pbx.example", "12:30:00", "10.0.0.1")] == ["pbx.example", "12:30:00", "10.0.0.1"]
