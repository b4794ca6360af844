"""What a run is called once it is known what it will do: `upgrade prod-eu 25.8 → 26.3`."""

from __future__ import annotations

from flows.core.change import Order
from flows.core.installed import service
from flows.core.replace import wanted_images
from flows.core.rollback import chosen
from flows.core.snapshot import Container, Snapshot
from flows.core.wish import Wish


def run_name(order: Order, snapshot: Snapshot, wish: Wish) -> str:
    """Kind and cluster, and what becomes of what; a dry run says that it is one."""
    what = {"upgrade": _versions, "rollback": _point}.get(order.kind)
    words = [{"rollback": "roll back"}.get(order.kind, order.kind), order.cluster, what(snapshot, wish) if what else ""]
    return " ".join(filter(None, words)) + (" (dry run)" if order.dry_run else "")


def _versions(snapshot: Snapshot, wish: Wish) -> str:
    """ClickHouse first, which is what an upgrade is about; a tag that stays is not named."""
    found, (dataflow, clickhouse) = service(snapshot.docker, wish.data_path), wanted_images(snapshot, wish)
    steps = (_step("", found.clickhouse, clickhouse), _step("Data Flow ", found.dataflow, dataflow))
    return ", ".join(filter(None, steps))


def _step(what: str, container: Container | None, wanted: str) -> str:
    before, after = tag(container.image if container else ""), tag(wanted)
    return f"{what}{before or '?'} → {after}" if after and before != after else ""


def tag(reference: str) -> str:
    """The tag of an image's reference, "" where it has none: a digest is no tag, nor is a registry's port."""
    name, at, _ = reference.partition("@")
    found = name.rpartition("/")[2].partition(":")[2]
    return "" if at and not found else found


def _point(snapshot: Snapshot, wish: Wish) -> str:
    point = chosen(snapshot, wish)
    return f"to {point.id}" if point else ""
