"""The matrix of stage and fault: what goes wrong where in an upgrade or recreate, and how the run has to end.

Two more cells are stories of tests/stories, as they are told on real parts too: a registry that refuses, and an empty
data folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.sandbox.world_faults import FAULTS

REFUSED, RECOVERED, STOPPED = "refused", "recovered", "stopped with a named way back"


@dataclass(frozen=True)
class Case:
    """One cell: `arrange` prepares the world; `once` is the script's step behind which the fault is gone."""

    kind: str
    stage: str
    fault: str
    ends: str
    arrange: Callable[[World], None]
    said: str = ""
    once: int = 0
    variant: str = "22.8"
    daily: bool = False

    @property
    def name(self) -> str:
        """For the list of tests."""
        return f"{self.kind}-{self.stage}-{self.fault}".replace(" ", "-")


def _script(step: int, how: str) -> Callable[[World], None]:
    return lambda world: vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=step, FAIL_HOW=how)


def _other_release(world: World) -> None:
    world.pbx.version = "22.9.1"


def _stuck_mutation(world: World) -> None:
    sql = "ALTER TABLE agents UPDATE display_name = toString(throwIf(1)) WHERE 1 SETTINGS mutations_sync=0"
    world.ask(sql)


def _no_such_image(world: World) -> None:
    del world.registry.images["portsip/clickhouse:25.8"]


def _unhealthy_writer(world: World) -> None:
    world.engine.faults.crash_on_start[vendor.VARIANTS[world.variant].writer] = 3


def _two_parts(world: World) -> None:
    world.engine.faults.lose_part_of.add("cdr")
    world.engine.faults.corrupt_part_of.add("queue_events")


STEPS = vendor.steps(vendor.script("22.8"))
UPGRADE_STEPS = (1, 3, 4, 5, 6, 8, 9, 12, 13, 14, 16, 17, 18)
"""Those of the verb `upgrade`, but four that lie between two of the same kind; 6 to 17 are of `run`, too."""

REFUSALS = (
    Case("upgrade", "preflight", "two cores", REFUSED, FAULTS["two-cores"], "host.vcpu", daily=True),
    Case("upgrade", "pull-image", "disk full", REFUSED, FAULTS["full-disk"], "no space"),
    Case("upgrade", "pull-image", "no such image", REFUSED, _no_such_image, "portsip/clickhouse:25.8"),
    Case(
        "upgrade",
        "open-change",
        "image of another release",
        REFUSED,
        _other_release,
        "upgrade.image-version",
        daily=True,
    ),
    Case("upgrade", "quiesce", "stuck mutation", REFUSED, _stuck_mutation, "mutations are not done"),
)

BEFORE_THE_SCRIPT = (
    Case("upgrade", "stop-clickhouse", "deaf", RECOVERED, FAULTS["clickhouse-deaf"], "exit code 137"),
    Case(
        "upgrade",
        "restore-point",
        "no room",
        RECOVERED,
        FAULTS["no-room-for-a-restore-point"],
        "No space left on device",
    ),
)

HOWS = ("exit", "error-line", "kill")


def _once(kind: str, number: int, step: int, *, variant: str = "22.8") -> Case:
    how = HOWS[number % 3]
    fault = f"{how} at step {step} once" + (f" {variant}" if variant != "22.8" else "")
    return Case(kind, "script", fault, RECOVERED, _script(step, how), once=step, variant=variant)


IN_THE_SCRIPT_ONCE = tuple(_once("upgrade", number, step) for number, step in enumerate(UPGRADE_STEPS))
"""Whatever step the script dies at, in one of three ways: the service comes back, and each row is found."""

IN_THE_SCRIPT_EVERY_TIME = tuple(
    Case("upgrade", "script", f"exit at step {step} every time", STOPPED, _script(step, "exit")) for step in (8, 13, 17)
)
"""The way back meets the same fault: the report names what a person can type."""

OTHER_VARIANT = tuple(_once("upgrade", number, step, variant="22.3") for number, step in enumerate((1, 21, 13, 17)))
"""The script that passes over `-d` is called with `rm` and `run` instead."""

RECREATES = (
    *(_once("recreate", number, step) for number, step in enumerate((21, 8, 14, 17))),
    Case("recreate", "verify", "part lost", STOPPED, FAULTS["part-lost"], "default.cdr LOST"),
)

AT_THE_END = (
    Case("upgrade", "verify", "part lost, part damaged", STOPPED, _two_parts, "default.cdr LOST"),
    Case("upgrade", "verify", "five rows lost", STOPPED, FAULTS["rows-lost"], "default.cdr LOST"),
    Case("upgrade", "verify", "damaged part", STOPPED, FAULTS["part-corrupt"], "default.cdr UNREADABLE"),
    Case("upgrade", "settle", "writer crashes", STOPPED, _unhealthy_writer),
)

CASES = (
    *REFUSALS,
    *BEFORE_THE_SCRIPT,
    *IN_THE_SCRIPT_ONCE,
    *IN_THE_SCRIPT_EVERY_TIME,
    *OTHER_VARIANT,
    *RECREATES,
    *AT_THE_END,
)
