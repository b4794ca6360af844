"""What a rehearsal is going to do, and what its report tells: cost, and what would not go back."""

from __future__ import annotations

from collections.abc import Sequence

from flows.core.installed import service
from flows.core.numbers import REHEARSAL_MEMORY_GIB
from flows.core.plan import Plan, Step
from flows.core.rehearsal import Setting, one_way
from flows.core.rehearsal_seen import Copy, Held, Opened, Shared
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish
from flows.core.words import duration, size, table


def plan(snapshot: Snapshot, wish: Wish, lowered: tuple[str, ...]) -> Plan:
    """The ordered steps of rehearsing in this world."""
    found, image = service(snapshot.docker, wish.data_path), wish.clickhouse_image
    database, stopped = ("no container", False)
    if found.clickhouse:
        database, stopped = found.clickhouse.name, not found.clickhouse.running
    meanwhile = f"{database} {'is stopped' if stopped else 'serves'}"
    old = Step("open-with-old", f"open the copy with the image of {database}, to know what has to be found", True)
    steps = (
        Step("room", "see whether the server has disk, memory and time to spare", False),
        Step("pull-image", f"pull {image} while the service is left alone", True),
        Step("copy-data", f"link a copy of {wish.data_path}/clickhouse/data beside it while {meanwhile}", True),
        *((old,) if stopped else ()),
        Step("open-copy", f"open the copy with {image}, alone, without network, and read every table", True),
        Step("compare-shared", "look at every file that copy and service share: none was written", False),
        Step("verify-row-counts", "compare every table, part by part, with what the copy holds", False),
        Step("record-rehearsal", "note on pbx01 whether it passed", False),
        Step("remove-rehearsal", "remove container, copy and links again", True),
    )
    ids = tuple((f"image {each.reference}", each.id) for each in snapshot.docker.images or ())
    containers = tuple((f"container {each.name}", each.image_id) for each in found.containers)
    known = (("lowered", ",".join(sorted(lowered))), ("clickhouse", meanwhile))
    return Plan("rehearse", f"rehearse {wish.data_path} {image}", steps, (*known, *ids, *containers))


def section(copy: Copy, held: Held, opened: Opened, shared: Shared, cpus: float) -> str:
    """The section of the report."""
    running = held.before.version
    stopped = f"was stopped; what the copy holds is what ClickHouse {running} read of it, in a container like the other"
    memory = size(opened.memory) if opened.memory else "not known"
    rows = (
        ("time to make the copy", duration(copy.seconds), f"{copy.linked:,} files, {size(copy.linked_bytes)}, linked"),
        ("time until every table was loaded", duration(opened.seconds), f"with {cpus:g} CPUs at most"),
        ("disk", size(shared.used), "for the copy and what the new ClickHouse wrote; removed again"),
        ("memory", memory, f"of {REHEARSAL_MEMORY_GIB} GiB that it might take"),
        (
            "shared files",
            "unwritten",
            f"{shared.files:,} compared by inode, size, time; {shared.digested:,} by content",
        ),
        ("the service", "untouched", shared.live or stopped),
    )
    return "\n\n".join((table(("what it took", "", ""), rows), _one_way(opened.settings, running)))


def _one_way(settings: Sequence[Setting] | None, running: str) -> str:
    if settings is None:
        return "What would not go back: not known, this ClickHouse does not tell which defaults it changed."
    late = one_way(settings, running)
    if not late:
        return f"What would not go back: it changes no default that decides how files are written since {running}."
    rows = [(each.version, f"`{each.name}`", each.previous, each.new, each.reason) for each in late]
    head = f"What would not go back: files that it writes once it runs, which {running} may not read. The way back is "
    head += "the restore point of the upgrade."
    return f"{head}\n\n" + table(("since", "default", "was", "becomes", "why"), rows)
