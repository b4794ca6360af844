"""The matrix of stage and fault: what goes wrong where in an upgrade or recreate, and how the run has to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.sandbox.world_faults import FAULTS

REFUSED, RECOVERED, STOPPED = "refused", "recovered", "stopped with a named way back"


@dataclass(frozen=True)
class Case:
    """One cell: `arrange` prepares the world; `once` lets the fault be gone when the script is called again."""

    kind: str
    stage: str
    fault: str
    ends: str
    arrange: Callable[[World], None]
    said: str = ""
    once: bool = False
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


STEPS = vendor.steps(vendor.script("22.8"))
UPGRADE_STEPS = (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Those that the verb `upgrade` takes; 6 to 17 are those of `run`, too."""
AFTER_REMOVAL = range(6, 18)

REFUSALS = (
    Case("upgrade", "preflight", "two cores", REFUSED, FAULTS["two-cores"], "host.vcpu", daily=True),
    Case("upgrade", "pull-image", "registry refuses", REFUSED, FAULTS["registry-refuses"], daily=True),
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
    Case("upgrade", "quiesce", "stuck mutation", REFUSED, _stuck_mutation, "mutations are not done", daily=True),
)

BEFORE_THE_SCRIPT = (
    Case("upgrade", "stop-clickhouse", "deaf", RECOVERED, FAULTS["clickhouse-deaf"], "exit code 137", daily=True),
    Case(
        "upgrade",
        "restore-point",
        "no room",
        RECOVERED,
        FAULTS["no-room-for-a-restore-point"],
        "No space left on device",
        daily=True,
    ),
)

IN_THE_SCRIPT_ONCE = tuple(
    Case(
        "upgrade",
        "script",
        f"{how} at step {step} once",
        RECOVERED,
        _script(step, how),
        once=True,
        daily=(step, how) in {(4, "exit"), (9, "kill"), (14, "error-line")},
    )
    for step in UPGRADE_STEPS
    for how in ("exit", "error-line", "kill")
)
"""Whatever step the script dies at, and however: the way back brings the service up, and each row is found."""

IN_THE_SCRIPT_EVERY_TIME = tuple(
    Case("upgrade", "script", f"exit at step {step} every time", STOPPED, _script(step, "exit"), daily=step == 8)
    for step in AFTER_REMOVAL
)
"""The way back meets the same fault: the report names what a person can type."""

OTHER_VARIANT = tuple(
    Case(
        "upgrade",
        "script",
        f"exit at step {step} once 22.3",
        RECOVERED,
        _script(step, "exit"),
        once=True,
        variant="22.3",
    )
    for step in (1, 21, 6, 9, 13, 16, 17)
)
"""The script that passes over `-d` is called with `rm` and `run` instead."""

RECREATES = (
    *(
        Case(
            "recreate",
            "script",
            f"exit at step {step} once",
            RECOVERED,
            _script(step, "exit"),
            once=True,
            daily=step == 21,
        )
        for step in (21, 8, 13, 16, 17)
    ),
    Case("recreate", "verify", "part lost", STOPPED, FAULTS["part-lost"], "default.cdr LOST"),
)

AT_THE_END = (
    Case("upgrade", "verify", "part lost", STOPPED, FAULTS["part-lost"], "default.cdr LOST", daily=True),
    Case("upgrade", "verify", "five rows lost", STOPPED, FAULTS["rows-lost"], "default.cdr LOST"),
    Case("upgrade", "verify", "damaged part", STOPPED, FAULTS["part-corrupt"], "default.cdr UNREADABLE", daily=True),
    Case("upgrade", "verify", "wrong data folder", STOPPED, FAULTS["data-folder-empty"], "WRONG_DATA_DIR", daily=True),
    Case("upgrade", "settle", "writer crashes", STOPPED, _unhealthy_writer, daily=True),
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
