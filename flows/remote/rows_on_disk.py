"""Counts rows without a server, on the machine that holds the data: `rows_on_disk.py DATA_FOLDER` (clickhouse.md 2.7).

Each part of a MergeTree table has its number of rows in `count.txt`. A part that a later one covers (same partition,
wider range of blocks, higher level) was merged into that one and is not counted. The tables of `system` are left out.
The answer is one JSON line: {"rows": number}, null when nothing can be told.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

PART = re.compile(r"(?P<partition>[^_]+)_(?P<first>\d+)_(?P<last>\d+)_(?P<level>\d+)(?:_(?P<version>\d+))?")
UUID = re.compile(r"UUID '([0-9a-f-]{36})'")


def system_tables(data: Path) -> set[str]:
    """The folders' names of the tables of the database `system`: its statements are in its metadata folder."""
    metadata = data / "metadata" / "system"
    if metadata.is_symlink():  # some versions write the path as it is in the container
        metadata = data.joinpath("store", *Path(os.readlink(metadata)).parts[-2:])  # noqa: PTH115 - Python 3.8
    texts = [file.read_text(errors="replace") for file in metadata.glob("*.sql")]
    return {match.group(1) for text in texts if (match := UUID.search(text))}


def tables(data: Path) -> list[Path]:
    """Every folder of a table that is not one of the database `system`."""
    left_out = system_tables(data)
    old_style = [t for t in data.glob("data/*/*") if not t.is_symlink() and t.parent.name != "system"]
    return [t for t in (*data.glob("store/*/*"), *old_style) if t.name not in left_out and t.is_dir()]


def rows_of(table: Path) -> int:
    """The rows of the parts that no other one covers."""
    partitions: dict[str, list[list[int]]] = {}
    for place in table.iterdir():
        named = PART.fullmatch(place.name)
        if named and not place.name.startswith(("tmp", "patch-")) and (place / "count.txt").is_file():
            numbers = [int(named[word] or 0) for word in ("first", "last", "level", "version")]
            found = partitions.setdefault(named["partition"], [])
            found.append([*numbers, int((place / "count.txt").read_text())])
    return sum(p[4] for parts in partitions.values() for p in parts if not any(covers(other, p) for other in parts))


def covers(one: list[int], part: list[int]) -> bool:
    """Whether the rows of `part` went into `one`; both are first block, last block, level, version, rows."""
    wider = one[0] <= part[0] and one[1] >= part[1] and one[2] >= part[2] and one[3] >= part[3]
    return wider and one[:4] != part[:4]


def main(data: Path) -> None:
    """Print the answer."""
    try:
        rows = sum(rows_of(table) for table in tables(data)) if (data / "store").is_dir() else None
    except (OSError, ValueError):
        rows = None
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
