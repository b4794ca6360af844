"""Versions of ClickHouse: which one an image holds, and which jumps between them are known to keep the data.

Sources: clickhouse.md 4.1: the vendor's window is one year with two LTS releases; 24.8 to 25.8 was run, there and in
the tests; an older engine on the files of a newer one does not start, or detaches parts in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flows.core.snapshot import Image

TESTED = {((24, 8), (25, 8))}
"""Jumps that the tests of these flows make on real engines, with proof for every table."""

_RELEASE = re.compile(r"(?<![\d.])(\d{2})\.(\d{1,2})(?![\d])")

Release = tuple[int, int]
"""Year and month: (25, 8)."""


def release_of(reference: str, images: Iterable[Image], image_id: str = "") -> Release | None:
    """The release in an image: by its label, where it is on the server, else by its tag; `None` when neither tells.

    An image that is named by its id is looked for by that: its tag may have moved on.
    """
    for image in images:
        if (image.id == image_id if image_id else image.reference == reference) and (found := parse(image.version)):
            return found
    name = reference.partition("@")[0]
    return parse(name.rpartition(":")[2]) if ":" in name.rpartition("/")[2] else None


def parse(version: str) -> Release | None:
    """Year and month of a version: `25.8.2.1` and `v25.8-lts` are (25, 8)."""
    match = _RELEASE.search(version)
    return (int(match[1]), int(match[2])) if match and int(match[2]) <= 12 else None


def said(release: Release) -> str:
    """The release as the vendor writes it."""
    return f"{release[0]}.{release[1]}"


def months(before: Release, after: Release) -> int:
    """How many months lie between two releases."""
    return (after[0] - before[0]) * 12 + after[1] - before[1]
