"""What can go wrong with the sandbox's Docker engine and its containers, one word for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.sandbox.docker_damage import cut, smallest_part, without_rows

DATA = "/var/lib/clickhouse"


@dataclass
class Faults:
    """Set a word, and the engine behaves so from now on; empty again, and it is well."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Answers instead of the real ones: `{"POST /containers/create": (500, "no space left on device")}`."""

    frozen: set[str] = field(default_factory=set)
    """Calls that never answer: `{"GET /containers/json"}`."""

    crash_on_start: dict[str, int] = field(default_factory=dict)
    """Containers whose process dies at once, with the exit code to show; by their name or, for a new engine that
    does not run on this machine, by their image (`{"portsip/clickhouse:25.8": 139}`: tag, digest or id)."""

    unhealthy: set[str] = field(default_factory=set)
    """Containers whose health check never passes."""

    deaf: set[str] = field(default_factory=set)
    """Containers that do not react to SIGTERM, so that a stop becomes a kill (exit code 137)."""

    lose_part_of: set[str] = field(default_factory=set)
    """Tables that lose their smallest part on disk when ClickHouse starts the next time."""

    lose_rows_of: dict[str, int] = field(default_factory=dict)
    """Tables that lose so many rows inside one part when ClickHouse starts the next time (`{"cdr": 5}`): a part of
    the same name without them lies in its place, so that only counting or comparing hashes tells."""

    corrupt_part_of: set[str] = field(default_factory=set)
    """Tables whose smallest part has a data file cut to half when ClickHouse starts the next time: it detaches the
    part as `broken-on-start`, says nothing else, and is healthy."""

    lost: list[str] = field(default_factory=list)
    """What these three took away or broke: `table/part`."""

    empty_mount: set[str] = field(default_factory=set)
    """Containers that find an empty folder where their data should be, as when the data disk is not mounted at their
    start. Docker shows the right path all the same, and the data stay as they were."""

    def instead(self, method: str, path: str) -> tuple[int, str] | None:
        """The answer to give instead of the real one, if any."""
        call = f"{method} {path}"
        return next((answer for start, answer in self.answers.items() if call.startswith(start)), None)

    def freezes(self, method: str, path: str) -> bool:
        """Whether this call never gets an answer."""
        return any(f"{method} {path}".startswith(start) for start in self.frozen)

    def exit_code_at_start(self, name: str, image: set[str]) -> int | None:
        """The exit code of a container that cannot live, else `None`; `image` is all that its image is called."""
        return next((code for word, code in self.crash_on_start.items() if word == name or word in image), None)

    def folders(self, name: str, binds: dict[str, Path], own: Path) -> dict[str, Path]:
        """The folders that a container really gets when it starts."""
        if name not in self.empty_mount:
            return binds
        (own / "empty").mkdir(exist_ok=True)
        return {target: own / "empty" if target == DATA else folder for target, folder in binds.items()}

    def before_start(self, version: str, binds: dict[str, Path]) -> None:
        """Do to the data what a fault of the disk would have done while the server was down."""
        data = binds.get(DATA)
        if data is None:
            return
        while self.lose_part_of:
            self._damage(data, self.lose_part_of.pop(), shutil.rmtree)
        while self.corrupt_part_of:
            self._damage(data, self.corrupt_part_of.pop(), cut)
        while self.lose_rows_of:
            table, rows = self.lose_rows_of.popitem()
            self._damage(data, table, partial(without_rows, version, data, table, rows), more_than=rows)

    def _damage(self, data: Path, table: str, harm: Callable[[Path], object], *, more_than: int = 0) -> None:
        if part := smallest_part(data, table, more_than):
            harm(part)
            self.lost.append(f"{table}/{part.name}")
