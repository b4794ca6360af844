"""Whether the server has room, memory and time to spare for a rehearsal, with figures; and what one may take of it."""

from __future__ import annotations

from dataclasses import dataclass

from flows.core.findings import Finding, Level
from flows.core.numbers import (
    REHEARSAL_BUSY,
    REHEARSAL_CPU_SHARE,
    REHEARSAL_DISK_LEFT_GIB,
    REHEARSAL_MEMORY_GIB,
    REHEARSAL_MEMORY_LEFT_GIB,
)
from flows.core.words import size

FINDINGS = {
    "rehearsal.no-room": Level.ERROR,
    "rehearsal.no-memory": Level.ERROR,
    "rehearsal.server-busy": Level.ERROR,
}
"""What is found out on the server right before a rehearsal."""

_FOLDER, _GIB = 4096, 1 << 30
_INODES_LEFT = 10_000


@dataclass(frozen=True)
class Room:
    """What a copy would need and what the server has; sizes in bytes, `load` of the last minute, `inodes` None: plenty.

    `parts` are linked by FREEZE and once more by the copy: each time a folder, and no byte of their files.
    """

    copied_bytes: int
    folders: int
    parts: int
    part_bytes: int
    free: int
    inodes: int | None
    memory: int
    load: float

    @property
    def needed(self) -> int:
        """Bytes of disk for the copy itself."""
        return self.copied_bytes + _FOLDER * (self.folders + 2 * self.parts)


def unfit(room: Room, vcpu: int) -> tuple[Finding, ...]:
    """What speaks against a rehearsal now, as findings."""
    return tuple(each for each in (_disk(room), _memory(room), _load(room, vcpu)) if each is not None)


def _disk(room: Room) -> Finding | None:
    inodes, left = room.folders + 2 * room.parts + _INODES_LEFT, REHEARSAL_DISK_LEFT_GIB * _GIB
    short = [f"{size(room.free)} are free"] if room.free < room.needed + left else []
    if room.inodes is not None and room.inodes < inodes:
        short.append(f"{room.inodes:,} inodes are free of {inodes:,}")
    if not short:
        return None
    said = (
        f"a copy of {size(room.part_bytes)} in {room.parts:,} parts needs {size(room.needed)}, and {size(left)} have "
    )
    said += f"to stay free beside it; {' and '.join(short)}"
    return Finding("rehearsal.no-room", Level.ERROR, said, "Free space on the data volume, or enlarge it.")


def _memory(room: Room) -> Finding | None:
    may_take, left = REHEARSAL_MEMORY_GIB * _GIB, REHEARSAL_MEMORY_LEFT_GIB * _GIB
    if room.memory >= may_take + left:
        return None
    said = f"{size(room.memory)} of memory are available; a rehearsal may take {size(may_take)}, and {size(left)} have "
    return Finding("rehearsal.no-memory", Level.ERROR, f"{said}to be left", "Rehearse when less runs there.")


def _load(room: Room, vcpu: int) -> Finding | None:
    if room.load <= REHEARSAL_BUSY * vcpu:
        return None
    said = (
        f"the load of the last minute is {room.load:g} on {vcpu} vCPU; more than {REHEARSAL_BUSY * vcpu:g} is too busy"
    )
    return Finding("rehearsal.server-busy", Level.ERROR, said, "Rehearse at a quieter time, or lower this finding.")


def cpus(vcpu: int) -> float:
    """How many CPUs the new engine may use at most."""
    return max(0.2, vcpu * REHEARSAL_CPU_SHARE)
