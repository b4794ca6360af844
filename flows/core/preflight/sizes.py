"""How sizes are compared and printed.

Disks are sold in GB (10^9), a file system keeps some of that for itself, and partitions for booting take
more: a disk of 64 GB shows about 55 GiB. A machine sold with 16 GB shows 15.3 to 15.7 GiB because firmware
and kernel keep a part. Neither is what the guide warns of.
"""

from __future__ import annotations

GIB = 1024**3
MEMORY_TOLERANCE = 0.93
DISK_TOLERANCE = 0.86


def gib(size: float) -> str:
    """A size for people: "15.6 GiB"; without a decimal from 100 GiB on."""
    value = size / GIB
    return f"{value:.0f} GiB" if value >= 99.95 or value == int(value) else f"{value:.1f} GiB"


def enough_memory(size: int, wanted_gib: float) -> bool:
    """Whether a machine sold with that much memory may show this size."""
    return size >= wanted_gib * GIB * MEMORY_TOLERANCE


def enough_disk(size: int, wanted_gib: float) -> bool:
    """Whether a disk sold with that size may show a file system of this size."""
    return size >= wanted_gib * GIB * DISK_TOLERANCE
