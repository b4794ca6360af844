"""HTTP over an SSH channel: one transport for requests (which Docker's client uses) and one for httpx.

Nothing listens on this machine and nothing is opened on the server: each HTTP connection is a channel of the
one SSH connection. A read never waits for ever, because a link that freezes says nothing at all.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import httpcore
import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class Channel(Protocol):
    """What we need of an SSH channel; `eof_received` is true once the other side will say nothing more."""

    @property
    def eof_received(self) -> int: ...
    @property
    def closed(self) -> int: ...
    def recv(self, nbytes: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...
    def settimeout(self, timeout: float | None, /) -> None: ...
    def close(self) -> None: ...


OpenCommand = Callable[[], Channel]
OpenPort = Callable[[int], Channel]


class _Reader(io.RawIOBase):
    """The reading end of a channel as a file, which `http.client` wants."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._line.channel.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._line.reader_closed(self)


class _Line:
    """A channel that looks like a socket to `http.client`: it stays open until its reader is closed, too."""

    def __init__(self, channel: Channel, longest_silence: float) -> None:
        self.channel, self._longest = channel, longest_silence
        self._readers: set[_Reader] = set()
        self._closed = False
        self.settimeout(None)

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        reader = _Reader(self)
        self._readers.add(reader)
        return io.BufferedReader(reader)

    def sendall(self, data: bytes) -> None:
        self.channel.sendall(data)

    def settimeout(self, timeout: float | None) -> None:
        # Docker's client asks for "no time-out" while it pulls: even then silence has an end.
        self.channel.settimeout(self._longest if timeout is None else timeout)

    def reader_closed(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        self._close_if_unused()

    def close(self) -> None:
        self._closed = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._closed and not self._readers:
            self.channel.close()


class _Connection(HTTPConnection):
    """One HTTP connection of the pool: one channel."""

    def __init__(self, *words: Any, opener: OpenCommand, longest_silence: float, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self._opener, self._longest = opener, longest_silence

    def connect(self) -> None:
        self.sock = _Line(self._opener(), self._longest)

    @property
    def is_connected(self) -> bool:
        line = getattr(self, "sock", None)
        return isinstance(line, _Line) and not (line.channel.closed or line.channel.eof_received)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class ChannelAdapter(HTTPAdapter):
    """Lets `requests` (and so Docker's client) talk over channels that `opener` opens."""

    def __init__(self, opener: OpenCommand, *, longest_silence: float) -> None:
        super().__init__(max_retries=urllib3.Retry(0, read=False))
        self._pool = _Pool("docker", opener=opener, longest_silence=longest_silence)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        """The one pool: neither the address in the URL nor a proxy of this machine matters."""
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """The path alone, as a server without a proxy in front wants it."""
        return request.path_url

    def close(self) -> None:
        """Close every channel."""
        self._pool.close()
        super().close()


class _Stream(httpcore.NetworkStream):
    """A channel as httpcore sees a connection."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _httpcore_errors(httpcore.ReadTimeout, httpcore.ReadError):
            self._channel.settimeout(timeout)
            return self._channel.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _httpcore_errors(httpcore.WriteTimeout, httpcore.WriteError):
            self._channel.settimeout(timeout)
            self._channel.sendall(buffer)

    def close(self) -> None:
        self._channel.close()

    def get_extra_info(self, info: str) -> Any:
        # httpcore asks an idle connection whether it is readable: that means the server has closed it.
        return self._channel.eof_received or self._channel.closed if info == "is_readable" else None


@contextmanager
def _httpcore_errors(timeout: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Turn what a channel raises into httpcore's error for a time-out or a broken line."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except (OSError, EOFError) as error:
        raise broken(str(error)) from error


class _Backend(httpcore.NetworkBackend):
    def __init__(self, opener: OpenPort) -> None:
        self._opener = opener

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        with _httpcore_errors(httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(self._opener(port))


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class ChannelTransport(httpx.BaseTransport):
    """Lets httpx talk over channels that `opener` opens to a port of the server."""

    def __init__(self, opener: OpenPort) -> None:
        self._pool = httpcore.ConnectionPool(max_connections=4, network_backend=_Backend(opener))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; errors are httpcore's, translated where the block translates all of them."""
        asked = request.url
        url = httpcore.URL(scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path)
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close every channel."""
        self._pool.close()
