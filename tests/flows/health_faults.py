"""What a health check has to find: each makes one thing go wrong in the world, and returns what mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.flows.support import wait_until
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.world import World


def _no_entry(world: World) -> Callable[[], Any]:
    entries = list(world.pbx.rules)
    world.pbx.rules.clear()
    return lambda: world.pbx.rules.extend(entries)


def _full_disk(world: World) -> Callable[[], Any]:
    table = world.server.answers["df"]
    rows = [row.split() for row in table.splitlines()]
    world.server.answers["df"] = "".join(f"{' '.join([*row[:3], '1000000', *row[4:]])}\n" for row in rows)
    return lambda: world.server.answers.__setitem__("df", table)


def _another_release(world: World) -> Callable[[], Any]:
    world.pbx.version = "22.9.1"
    return lambda: setattr(world.pbx, "version", OLD_PBX)


def _clock_alone(world: World) -> Callable[[], Any]:
    world.control.answers.say("timedatectl show", "NTPSynchronized=no\n")
    return lambda: world.control.answers.say("timedatectl show", "NTPSynchronized=yes\n")


def _killed(world: World) -> Callable[[], Any]:
    database = world.containers()[0]
    database.kill(9)
    wait_until(lambda: not database.running, "ClickHouse to be dead")
    return database.start


def _no_way_to_the_server(world: World) -> Callable[[], Any]:
    world.server.link.refuse()
    return world.server.link.allow


FAULTS: tuple[tuple[Callable[[World], Callable[[], Any]], str, str, str], ...] = (
    (_killed, "FAILED", "health.service-down", "is not running"),
    (_no_entry, "FAILED", "pbx.whitelist-missing", "does not let in 192.168.1.26"),
    (_full_disk, "FAILED", "health.disk-full", "free on /var/lib/portsip"),
    (_another_release, "FAILED", "health.image-version", "the PBX runs 22.9.1"),
    (_clock_alone, "COMPLETED", "host.clock", "pbx01: the clock is not synchronised"),
    (_no_way_to_the_server, "FAILED", "health.service-down", "unknown: the containers of server"),
)
