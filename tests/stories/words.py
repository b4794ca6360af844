"""The words that stories are told with; they use what every kind of world has, and nothing else."""

from __future__ import annotations

from typing import Any

from tests.flows.conftest import Run, read_run
from tests.flows.support import lock_of, wait_for_step
from tests.sandbox import vendor
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.world import World

DATA = "/var/lib/portsip/clickhouse/data"
RESTORE_POINTS = "/var/lib/portsip/.dataflow-restore"


def carry_out(flow: Any, cluster: Any, *words: Any, **parameters: Any) -> Run:
    """Run one of the flows, not as a dry run, and read back what it left."""
    return read_run(
        flow(cluster, *words, **{"dry_run": False, "requested_by": "a test", **parameters}, return_state=True)
    )


def running(world: World) -> dict[str, bool]:
    """The service's containers, and whether they run."""
    return {container.name: container.running for container in world.containers()}


def both(world: World, up: bool) -> dict[str, bool]:
    """What `running` says when both containers are there, and run or not."""
    names = vendor.VARIANTS[world.variant]
    return {names.database: up, names.writer: up}


def images(world: World) -> dict[str, str]:
    """The image that each of the service's containers was made of."""
    return {container.name: container.image_id for container in world.containers()}


def identities(world: World) -> set[str]:
    """The ids of the service's containers; new ones have others."""
    return {container.id for container in world.containers()}


def history(world: World) -> tuple[str, str]:
    """How many calls came with the installation, and a number over all that is in them."""
    sql = "SELECT count(), sum(cityHash64(*)) FROM cdr WHERE NOT startsWith(call_id, 'live-')"
    rows, content = world.ask(sql).split()
    return rows, content


def files(world: World) -> list[str]:
    """Every file of ClickHouse's data."""
    place = world.server.path(DATA)
    return sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file())


def nothing_is_lost(world: World) -> None:
    """Calls come in again, and every one that was ever acknowledged is there once."""
    world.wait_for_calls(3)
    assert world.missing_records() == {}


def begin(world: World) -> None:
    """What every story in a shared world starts from: the service as it was installed, and nobody at work."""
    vendor.start_over(world.control)
    world.publish_pbx(OLD_PBX)
    world.pbx.version = OLD_PBX
    assert running(world) == both(world, True), "a story before left it so"
    assert lock_of(world) == {}, "a story before left it so"
    world.wait_for_calls(3)


def once_at(world: World, step: int) -> None:
    """Wait until the script came to this step, and let the next call of it have no fault any more."""
    wait_for_step(world, step)
    vendor.settle(world.control, SECONDS_PER_STEP=0)
