"""Damage to ClickHouse's parts on disk, done while the server is down: cut files, and rows that are gone."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def definition(data: Path, table: str) -> str:
    """How a table of the database `default` was made; "" when there is none."""
    file = data / "metadata" / "default" / f"{table}.sql"
    return file.read_text() if file.exists() else ""


def smallest_part(data: Path, table: str, more_than: int = 0) -> Path | None:
    """The folder of the table's part with the fewest rows, of those that have more than so many."""
    found = re.search(r"UUID '([0-9a-f-]{36})'", definition(data, table))
    if found is None:
        return None
    counts = list((data / "store" / found[1][:3] / found[1]).glob("*_*_*_*/count.txt"))
    # What was merged lies there for a while beside its sources, and damage to those does no harm.
    counts = [file for file in counts if not any(_covers(other.parent, file.parent) for other in counts)]
    rows = {file.parent: int(file.read_text()) for file in counts}
    return min((part for part in rows if rows[part] > more_than), key=rows.__getitem__, default=None)


def _covers(part: Path, other: Path) -> bool:
    """Whether a part was merged from another one: partition_first_last_level, with the other's blocks inside."""
    (partition, *ours), (same, *theirs) = part.name.split("_")[:4], other.name.split("_")[:4]
    first, last, level = map(int, ours)
    their_first, their_last, their_level = map(int, theirs)
    return partition == same and first <= their_first and last >= their_last and level > their_level


def cut(part: Path) -> None:
    """Cut the part's largest data file to half, as a disk that ran full or a crash does."""
    largest = max(part.glob("*.bin"), key=lambda file: file.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(largest.stat().st_size // 2)


def without_rows(version: str, data: Path, table: str, rows: int, part: Path) -> None:
    """Put a part of the same name in its place that holds so many rows less; made by an engine of this version."""
    made = re.sub(r"^ATTACH TABLE \S+ UUID '[^']+'", "CREATE TABLE {name}", definition(data, table))
    with tempfile.TemporaryDirectory(prefix="sandbox-part-") as folder, _engine(version, Path(folder)) as ask:
        for name in ("whole", "less"):
            ask(made.replace("{name}", name, 1))
        (detached,) = ask("SELECT data_paths[1] FROM system.tables WHERE name = 'whole'").split()
        shutil.copytree(part, Path(detached) / "detached" / part.name)
        ask(f"ALTER TABLE whole ATTACH PART '{part.name}'")
        ask(f"INSERT INTO less SELECT * FROM whole LIMIT {int(part.joinpath('count.txt').read_text()) - rows}")
        (path,) = ask("SELECT path FROM system.parts WHERE table = 'less' AND active").split()
        shutil.rmtree(part)
        shutil.copytree(path, part)


@contextmanager
def _engine(version: str, folder: Path) -> Iterator[Callable[[str], str]]:
    """A server of this version on a folder of its own; yields how to ask it."""
    from tests.sandbox.containers import Job, Surroundings, start_child  # which know these faults
    from tests.sandbox.prefect_server import free_port

    port = free_port()
    job = Job("clickhouse", version, (), {}, {}, folder)
    child = start_child(job, Surroundings(port))

    def ask(sql: str) -> str:
        settings = "max_insert_block_size=100000000&min_insert_block_size_rows=100000000&max_threads=1"
        request = urllib.request.Request(f"http://127.0.0.1:{port}/?{settings}", sql.encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode().strip())

    try:
        _wait(ask)
        yield ask
    finally:
        child.end(20)


def _wait(ask: Callable[[str], str]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            ask("SELECT 1")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
