"""How long ClickHouse is away in an upgrade from 24.8 to 25.8: our flow, and the vendor's script run by hand.

With the images there already in a cluster in a box; and with them in a registry only, behind a line of 20 MB/s, on real
servers (the lab: root, Docker's engine). By hand the script stops the service and pulls then; the flow pulls first.
One probe from outside measures both, and every call that was acknowledged has to be there afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from prefect.testing.utilities import prefect_test_harness

from tests.bench.outcome import Mark, Outcome, with_marks
from tests.bench.probe import Probe
from tests.bench.rounds import Contestant, Figures, alternate
from tests.sandbox import vendor
from tests.sandbox.saved_blocks import ssh_block
from tests.sandbox.world import World

OURS, BY_HAND = "ours", "the script by hand"
IMAGES = ("portsip/pbx:22", "portsip/clickhouse:25.8")
LINE = 20_000_000
"""Bytes a second between the server and the registry."""
_NOTE = (
    "“Takes” is the whole of it, until the script or the flow has ended. No acknowledged call was missing after any."
)


class CallsLost(Exception):
    """After an upgrade, an acknowledged call was not there exactly once, or the old ClickHouse still ran."""


def outcomes(full: bool, rounds: int | None) -> Iterator[Outcome]:
    """Images present, in the sandbox; with `full` also images in the registry only, in the lab."""
    with prefect_test_harness(server_startup_timeout=120):
        frame = alternate(_contestants(images_present), rounds or (3 if full else 1), warmup=0)
        outcome = Outcome("downtime-present", "Upgrade with the images on the server, sandbox", frame, notes=(_NOTE,))
        more = outcome.median(OURS) - outcome.median(BY_HAND)
        yield with_marks(outcome, Mark("ClickHouse is away longer than by hand", more, 5, "s"))
        if full:
            yield from _in_the_lab(rounds or 1)


def _in_the_lab(rounds: int) -> Iterator[Outcome]:
    from tests.engine.engine import missing
    from tests.engine.shared import Shared

    if lacking := missing():
        raise SystemExit(lacking)
    with Shared() as shared:
        shared.line = LINE
        frame = alternate(_contestants(images_far), rounds, warmup=0)
    title = "Upgrade with the images in the registry, 20 MB/s away, real servers"
    outcome = Outcome("downtime-registry", title, frame, notes=(_NOTE,))
    yield with_marks(outcome, Mark("ClickHouse is away, through by hand", outcome.ratio(OURS, BY_HAND), 0.5))


def _contestants(world: Callable[[], AbstractContextManager[World]]) -> list[Contestant]:
    return [
        Contestant(OURS, lambda: measured(world, by_flow)),
        Contestant(BY_HAND, lambda: measured(world, by_hand)),
    ]


@contextmanager
def images_present() -> Iterator[World]:
    """A service with 24.8 that takes calls, both new images pulled."""
    with World(installed="24.8", history_rows=240_000, live_calls=True) as world:
        with ssh_block(world.server).get_client() as ssh:
            for image in IMAGES:
                ssh.run(["docker", "pull", image])
        yield world


@contextmanager
def images_far() -> Iterator[World]:
    """The same on real parts, the new images in the registry only."""
    from tests.engine.lab import Lab

    with Lab(installed="24.8", history_rows=20_000, live_calls=True, live_rate=5) as lab:
        yield lab


def by_hand(world: World) -> None:
    """What an administrator types."""
    words = f"cd {vendor.FOLDER} && /bin/bash dataflow.sh upgrade -i {IMAGES[0]} -d {IMAGES[1]}"
    with ssh_block(world.control).get_client() as ssh:
        ssh.run(words, timeout=600)


def by_flow(world: World) -> None:
    """The same by upgrade-data-flow."""
    from flows.upgrade import upgrade_data_flow
    from tests.flows.story_support import block_of

    state = upgrade_data_flow(block_of(world), "a benchmark", dry_run=False, return_state=True)
    if not state.is_completed():
        raise SystemExit(f"the upgrade failed: {state.message}")


def measured(world: Callable[[], AbstractContextManager[World]], upgrade: Callable[[World], None]) -> Figures:
    """Upgrade a service that takes calls, and look for every acknowledged one."""
    with world() as cluster:
        cluster.wait_for_calls(20)
        with Probe(cluster.clickhouse_port) as probe:
            began = time.monotonic()
            upgrade(cluster)
            takes = time.monotonic() - began
            cluster.wait_for_calls(5)
        if not cluster.ask("SELECT version()").startswith("25.8"):
            raise CallsLost("ClickHouse is not the new one")
        if missing := cluster.missing_records():
            raise CallsLost(f"{len(missing)} acknowledged calls are missing or twice there")
    return {"seconds": probe.down, "takes": takes}
