"""A proxy on loopback that lets every byte travel for some time, as a far network does; in a process of its own.

Connecting to it takes no time: of the whole round trips of a connection, that of TCP's own greeting is left out, for
everybody. Run alone it knows the standard library only: `delay.py TARGET MILLISECONDS` prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Self


class Delay:
    """The proxy before `target`, with this round trip; `told` hears its `port`."""

    def __init__(self, target: int, milliseconds: float, told: Callable[[int], None] = lambda port: None) -> None:
        self._words, self._told = (str(target), str(milliseconds)), told

    def __enter__(self) -> Self:
        words = [sys.executable, "-I", "-S", __file__, *self._words]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._told(self.port)
        return self

    def __exit__(self, *problem: object) -> None:
        self._process.terminate()
        self._process.communicate()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Whatever comes goes out `seconds` later, in order, however much is on its way."""
    loop = asyncio.get_running_loop()
    travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await travelling.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)

    arriving = asyncio.create_task(arrive())
    data = b"-"
    while data:
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        travelling.put_nowait((loop.time() + seconds, data))
    await arriving


async def _serve(target: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_pass_on(reader, here, seconds / 2), _pass_on(there, writer, seconds / 2))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
