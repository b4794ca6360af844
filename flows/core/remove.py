"""Removing the service: the plan with the guide's warning, and the proof that every file of the data stayed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from flows.core.control import rests_on, target
from flows.core.installed import Service, service
from flows.core.plan import Plan, Step
from flows.core.script import verb_command
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish
from flows.core.words import size

WARNING = (
    "Removing the Data Flow server will stop messaging services and delete the Data Flow service installation. "
    "Ensure this operation is performed only during maintenance windows."
)
"""The guide's words. What really stops is call history, reports and dashboards; calls and messages go on."""


@dataclass(frozen=True)
class Folder:
    """A folder as it lay on the disk: device and inode, owner and mode, regular files, bytes, and one digest.

    The digest is over name, inode, size, mode, owner and time of change of content of everything below it.
    """

    path: str
    identity: str
    owner: str
    files: int
    bytes: int
    digest: str
    uuid: str = ""

    def __str__(self) -> str:
        uuid = f", store {self.uuid}" if self.uuid else ""
        return f"{self.path} ({self.files:,} files, {size(self.bytes)}{uuid})"


def needed(snapshot: Snapshot, wish: Wish) -> bool:
    """Whether there is anything to remove."""
    found = service(snapshot.docker, wish.data_path)
    return bool(found.containers or found.strangers)


def folders(data_path: str) -> tuple[str, ...]:
    """The folders that must not change: ClickHouse's data, and the product's own with the password."""
    return f"{data_path.rstrip('/')}/clickhouse/data", f"{data_path.rstrip('/')}/dataflow"


def plan(snapshot: Snapshot, wish: Wish, lowered: tuple[str, ...]) -> Plan:
    """The ordered steps of removing the service in this world, the guide's warning first."""
    doing = needed(snapshot, wish)
    names = " and ".join(f"{c.name} ({c.id[:12]})" for c in service(snapshot.docker, wish.data_path).containers)
    words = " ".join(verb_command(wish.script_name, "rm"))
    kept = " and ".join(folders(wish.data_path))
    steps: tuple[Step, ...] = (
        Step("record-rows", f"WARNING of the guide: {WARNING} First, record every table", False),
        Step("stop-service", f"stop {names}, each with time to end by itself", doing),
        Step("record-folders", f"record every file in {kept}", False),
        Step("remove", f"on pbx01: cd {wish.script_folder} && {words}", doing),
        Step("verify-removed", f"check that {kept} are as they were; the PBX's IP list and token stay", False),
    )
    if not doing:
        steps = (Step("remove", "no container of the service is there: leave everything alone", False),)
    return Plan("remove", target(wish), steps, rests_on(snapshot, wish, lowered))


def folder_command(path: str) -> str:
    """Shell text that tells about a folder from metadata only; a folder that is not there ends with exit code 3."""
    return (
        f'f={shlex.quote(path)}; [ -d "$f" ] || exit 3; stat -c \'%d:%i\' "$f"; stat -c \'%u:%g %a\' "$f"\n'
        "find \"$f\" -type f -printf '%s\\n' | awk '{ n++; b += $1 } END { printf \"%d %.0f\\n\", n, b }'\n"
        "find \"$f\" -printf '%i %s %m %U:%G %T@ %P\\n' | LC_ALL=C sort | sha256sum | cut -d' ' -f1\n"
        'if [ -r "$f/uuid" ]; then cat "$f/uuid"; fi'
    )


def parse_folder(path: str, text: str) -> Folder:
    """What `folder_command` answered; raises `ValueError` for anything else."""
    identity, owner, counted, digest, *uuid = text.split("\n")
    files, total = counted.split()
    return Folder(path, identity, owner, int(files), int(total), digest, "".join(uuid).strip())


def as_json(found: Sequence[Folder]) -> str:
    """The folders as text, to be compared with later."""
    return json.dumps([asdict(folder) for folder in found])


def from_json(text: str) -> tuple[Folder, ...]:
    """What `as_json` wrote."""
    return tuple(Folder(**values) for values in json.loads(text))


def difference(before: Sequence[Folder], after: Sequence[Folder]) -> str:
    """What is not as it was, in one sentence; "" when every folder is the same to the last file."""
    now = {folder.path: folder for folder in after}
    return "; ".join(said for folder in before if (said := _changed(folder, now.get(folder.path))))


def _changed(before: Folder, after: Folder | None) -> str:
    if after is None:
        return f"{before.path} is not there any more"
    if before == after:
        return ""
    changed = [name for name, value in asdict(before).items() if value != getattr(after, name)]
    return f"{before.path} changed ({', '.join(changed)}): {before.files:,} files, now {after.files:,}"


def removed(found: Service) -> str:
    """The containers that were there, with their ids."""
    return ", ".join(f"{c.name} {c.id[:12]}" for c in found.containers) or "no container"
