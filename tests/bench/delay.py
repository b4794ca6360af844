"""A proxy on loopback that lets every byte travel for some time, as a far network does; in a process of its own.

Connecting to it takes no time: of the whole round trips of a connection, that of TCP's own greeting is left out, for
everybody. Run alone it knows the standard library only: `delay.py TARGET MILLISECONDS` prints the port it listens on,
then for each connection that ends how many round trips it waited for.
"""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Self


class Delay:
    """The proxy before `target`, with this round trip; `told` hears its `port`."""

    def __init__(self, target: int, milliseconds: float, told: Callable[[int], None] = lambda port: None) -> None:
        self._words, self._told = (str(target), str(milliseconds)), told

    def __enter__(self) -> Self:
        words = [sys.executable, "-I", "-S", __file__, *self._words]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.port = self._said()
        self._told(self.port)
        return self

    def trips(self) -> int:
        """Round trips of the connections that ended since this was asked last; waits for the end of one."""
        return self._said()

    def _said(self) -> int:
        assert self._process.stdout is not None
        said = self._process.stdout.fileno()
        if not select.select([said], [], [], 10)[0]:
            raise TimeoutError("the delaying proxy says nothing: no connection through it has ended")
        time.sleep(0.05)  # the connections of one program end together
        return sum(map(int, os.read(said, 65536).split()))

    def __exit__(self, *problem: object) -> None:
        self._process.terminate()
        self._process.communicate()


class Turns:
    """Counts how often one side spoke after it had heard something new: each time it had waited for a round trip.

    What it says within half a round trip counts once: several channels may speak at the same time.
    """

    def __init__(self, half: float) -> None:
        self._half, self._heard, self._last, self.count = half, True, -half, 0

    def hear(self) -> None:
        """Something new has come to this side."""
        self._heard = True

    def speak(self, now: float) -> None:
        """This side sends something."""
        if self._heard and now - self._last >= self._half:
            self.count, self._last, self._heard = self.count + 1, now, False


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    seconds: float,
    *,
    came: Callable[[float], None] = lambda now: None,
    went: Callable[[], None] = lambda: None,
) -> None:
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
            went()

    arriving = asyncio.create_task(arrive())
    data = b"-"
    while data:
        try:
            data = await reader.read(65536)
        except OSError:
            data = b""
        if data:
            came(loop.time())
        travelling.put_nowait((loop.time() + seconds, data))
    await arriving


async def _serve(target: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", target)
        turns = Turns(seconds / 2)
        await asyncio.gather(
            _pass_on(reader, here, seconds / 2, came=turns.speak), _pass_on(there, writer, seconds / 2, went=turns.hear)
        )
        print(turns.count, flush=True)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
