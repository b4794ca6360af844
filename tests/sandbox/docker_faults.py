"""What can go wrong with the sandbox's Docker engine and its containers, one word for each."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Faults:
    """Set a word, and the engine behaves so from now on; empty again, and it is well."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Answers instead of the real ones: `{"POST /containers/create": (500, "no space left on device")}`."""

    frozen: set[str] = field(default_factory=set)
    """Calls that never answer: `{"GET /containers/json"}`."""

    crash_on_start: dict[str, int] = field(default_factory=dict)
    """Containers whose process dies at once, with the exit code to show."""

    unhealthy: set[str] = field(default_factory=set)
    """Containers whose health check never passes."""

    deaf: set[str] = field(default_factory=set)
    """Containers that do not react to SIGTERM, so that a stop becomes a kill (exit code 137)."""

    lose_part_of: set[str] = field(default_factory=set)
    """Tables that lose their smallest part on disk when ClickHouse starts the next time."""

    lost: list[str] = field(default_factory=list)
    """What `lose_part_of` took away: `table/part`."""

    def instead(self, method: str, path: str) -> tuple[int, str] | None:
        """The answer to give instead of the real one, if any."""
        call = f"{method} {path}"
        return next((answer for start, answer in self.answers.items() if call.startswith(start)), None)

    def freezes(self, method: str, path: str) -> bool:
        """Whether this call never gets an answer."""
        return any(f"{method} {path}".startswith(start) for start in self.frozen)

    def before_start(self, name: str, binds: dict[str, Path]) -> None:
        """Do to the data what a fault of the disk would have done while the server was down."""
        data = binds.get("/var/lib/clickhouse")
        while data is not None and self.lose_part_of:
            table = self.lose_part_of.pop()
            if part := _smallest_part(data, table):
                shutil.rmtree(part)
                self.lost.append(f"{table}/{part.name}")


def _smallest_part(data: Path, table: str) -> Path | None:
    definition = data / "metadata" / "default" / f"{table}.sql"
    found = re.search(r"UUID '([0-9a-f-]{36})'", definition.read_text()) if definition.exists() else None
    if found is None:
        return None
    counts = list((data / "store" / found[1][:3] / found[1]).glob("*_*_*_*/count.txt"))
    return min(counts, key=lambda file: int(file.read_text())).parent if counts else None
