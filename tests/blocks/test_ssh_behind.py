"""A host that is reached through another one, when the connection to that one breaks."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from blocks.errors import Unreachable
from tests.sandbox.host import Host
from tests.sandbox.saved_blocks import ssh_block


def test_a_link_that_breaks_below_is_unreachable_and_nothing_else(tmp_path: Path, prefect_server: str) -> None:
    """What a task may try again, also where the inner connection cannot say goodbye any more."""
    with (
        Host("pbx01", tmp_path / "pbx01", "192.168.1.21", password="x") as first,
        Host("pbx02", tmp_path / "pbx02", "192.168.1.22", password="x") as second,
    ):
        first.reach["192.168.1.22", 22] = ("127.0.0.1", second.ssh_port)
        behind = ssh_block(second).model_copy(update={"host": "192.168.1.22", "port": 22})
        with (
            pytest.raises(Unreachable, match="nobody is there"),
            ssh_block(first).get_client() as control,
            behind.get_client(through=control),
        ):
            control._transport.sock.shutdown(socket.SHUT_WR)  # from now on every packet is refused
            raise Unreachable("pbx02", "looking", "nobody is there", "")
