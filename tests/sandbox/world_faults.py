"""What a visitor or a story can let go wrong by name, on a world that runs; `--fault NAME` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.sandbox import vendor

if TYPE_CHECKING:
    from tests.sandbox.world import World

NEW_ENGINE = "portsip/clickhouse:25.8"
RESTORE_POINTS = "/var/lib/portsip/.dataflow-restore"


def _disk_full(world: World) -> None:
    world.registry.full_disk = True


def _registry_refuses(world: World) -> None:
    world.refuse_pulls()


def _script_fails(world: World) -> None:
    vendor.settle(world.control, FAIL_AT_STEP=12, FAIL_HOW="exit")


def _script_asks(world: World) -> None:
    vendor.settle(world.control, FAIL_AT_STEP=7, FAIL_HOW="ask")


def _script_leaves_a_daemon(world: World) -> None:
    vendor.settle(world.control, LEAVE_DAEMON="yes")


def _two_cores(world: World) -> None:
    world.server.answers["nproc"] = "2\n"


def _part_lost(world: World) -> None:
    world.engine.faults.lose_part_of.add("cdr")


def _rows_lost(world: World) -> None:
    world.engine.faults.lose_rows_of["cdr"] = 5


def _part_corrupt(world: World) -> None:
    world.engine.faults.corrupt_part_of.add("cdr")


def _data_folder_empty(world: World) -> None:
    world.empty_data_folder()


def _clickhouse_deaf(world: World) -> None:
    world.engine.faults.deaf.add(vendor.VARIANTS[world.variant].database)


def _new_engine_crashes(world: World) -> None:
    world.engine.faults.crash_on_start[NEW_ENGINE] = 139


def _not_registered(world: World) -> None:
    world.pbx.data_flow.forget_registrations()


def _no_room_for_a_restore_point(world: World) -> None:
    world.server.fill_disk(RESTORE_POINTS, after=20)


FAULTS: dict[str, Callable[[World], None]] = {
    "clickhouse-deaf": _clickhouse_deaf,
    "data-folder-empty": _data_folder_empty,
    "full-disk": _disk_full,
    "new-engine-crashes": _new_engine_crashes,
    "no-room-for-a-restore-point": _no_room_for_a_restore_point,
    "not-registered": _not_registered,
    "part-corrupt": _part_corrupt,
    "part-lost": _part_lost,
    "registry-refuses": _registry_refuses,
    "rows-lost": _rows_lost,
    "script-asks": _script_asks,
    "script-fails": _script_fails,
    "script-leaves-a-daemon": _script_leaves_a_daemon,
    "two-cores": _two_cores,
}
"""The faults by name; those of the data act when ClickHouse starts the next time."""
