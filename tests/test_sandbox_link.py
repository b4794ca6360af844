"""The link in front of a host of the sandbox: cut, frozen, refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.sandbox.link import Link


@pytest.fixture
def link() -> Iterator[Link]:
    """A link to a server that says everything twice."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            while data := connection.recv(4096):
                connection.sendall(data * 2)
            connection.sendall(b"end")

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with Link(server.getsockname()[1]) as link:
        yield link
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def connect(link: Link) -> socket.socket:
    """A client of the link."""
    return socket.create_connection(("127.0.0.1", link.port), timeout=5)


def test_bytes_and_the_end_pass_both_ways(link: Link) -> None:
    """Closing one direction leaves the other open until the server ends it."""
    with connect(link) as client:
        client.sendall(b"ab")
        assert client.recv(10) == b"abab"
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == b"end"
    assert link.connections == 1


def test_a_cut_resets_what_is_open_and_lets_new_connections_in(link: Link) -> None:
    """The client learns at once."""
    with connect(link) as client:
        client.sendall(b"a")
        answer = b""
        while len(answer) < 2:  # it may arrive in two pieces, and what is left would be read behind the cut
            answer += client.recv(10)
        link.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    with connect(link) as client:
        client.sendall(b"b")
        assert client.recv(10) == b"bb"


def test_a_frozen_link_is_silent_and_goes_on_when_thawed(link: Link) -> None:
    """No error, no bytes, sockets open; what was sent meanwhile arrives later."""
    with connect(link) as client:
        link.freeze()
        client.sendall(b"a")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(10)
        with connect(link) as late:
            late.sendall(b"b")
            link.thaw()
            assert late.recv(10) == b"bb"
        client.settimeout(5)
        assert client.recv(10) == b"aa"


def test_refusing_keeps_what_is_open(link: Link) -> None:
    """New connections are reset, from now on or after some more."""
    with connect(link) as client:
        client.sendall(b"a")
        client.recv(10)
        link.refuse()
        assert not answers(link)
        link.allow()
        link.refuse_after(1)
        assert answers(link)
        assert not answers(link)
        client.sendall(b"a")
        assert client.recv(10) == b"aa"


def answers(link: Link) -> bool:
    """Whether a new connection gets through."""
    try:
        with connect(link) as client:
            client.sendall(b"x")
            return client.recv(10) == b"xx"
    except ConnectionError:
        return False


def test_a_link_is_cut_after_so_many_bytes(link: Link) -> None:
    """Bytes to the client count; it happens once."""
    with connect(link) as client:
        link.cut_after(4)
        client.sendall(b"ab")
        with pytest.raises(ConnectionResetError):
            while client.recv(10):
                client.sendall(b"c")
    assert answers(link)
