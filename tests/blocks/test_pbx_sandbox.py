"""The PBX stand-in itself: what it must do for the other tests to mean something."""

from __future__ import annotations

import socket
import ssl
import threading
import time

from tests.sandbox.pbx import Pbx


def test_stand_in_leaves_nothing_behind() -> None:
    """However its clients behave, it ends at once: no thread, no port."""
    before = set(threading.enumerate())
    with Pbx() as pbx:
        here = ("127.0.0.1", pbx.port)
        trust = ssl.create_default_context(cadata=pbx.certificate)
        mute = socket.create_connection(here)
        idle = trust.wrap_socket(socket.create_connection(here), server_hostname="127.0.0.1")
        pbx.blacklisted_get = "silence"
        pbx.ip.add_rule("127.0.0.1", "DENY")
        blocked = socket.create_connection(here)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert set(threading.enumerate()) <= before
    for link in (mute, idle, blocked):
        link.close()
    with socket.socket() as probe:
        assert probe.connect_ex(here) != 0


def test_address_is_blocked_after_five_bad_sign_ins_and_seen_in_the_list() -> None:
    """Five, not four; the entry has an end; a whitelisted address is spared."""
    with Pbx() as pbx:
        for _ in range(4):
            pbx.accounts._count_bad("192.0.2.9")
        assert pbx.rules == []
        pbx.accounts._count_bad("192.0.2.9")
        assert pbx.ip.blocks("192.0.2.9")
        assert pbx.rules[0]["target"] == "DENY"
        pbx.ip.add_rule("192.0.2.0/24")
        assert not pbx.ip.blocks("192.0.2.9")


def test_end_of_an_entry_counts() -> None:
    """An entry that is over neither allows nor blocks."""
    with Pbx() as pbx:
        pbx.ip.add_rule("192.0.2.0/24", expire_at="2020-01-01T00:00:00+08:00")
        pbx.ip.add_rule("192.0.2.0/24", "DENY", expire_at="2020-01-01T00:00:00Z")
        assert not pbx.ip.allows("192.0.2.9")
        assert not pbx.ip.blocks("192.0.2.9")
