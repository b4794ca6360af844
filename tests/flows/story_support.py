"""What the stories about failing runs share: blocks with one setting changed, and what a clear end looks like."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.flows.conftest import Run
from tests.sandbox import vendor
from tests.sandbox.world import World

DATABASE, WRITER = "portsip.dataflow-db", "portsip.dataflow-7f3a91"
"""The containers of the service as the script of 22.8 names them."""

CLICKHOUSE = "portsip/clickhouse:25.8"


_SAVED: list[Any] = []


def block_of(world: World) -> Any:
    """The block that points at this world. Only the first one is saved: that takes seconds."""
    from tests.sandbox.saved_blocks import cluster_block, save

    if not _SAVED:
        save(world, "sandbox")
        _SAVED.append(type(cluster_block(world, "sandbox")).load("sandbox"))
    fresh = cluster_block(world, "sandbox")
    return _SAVED[0].model_copy(update={name: getattr(fresh, name) for name in type(fresh).model_fields})


def edited(cluster: Any, part: str = "", /, **settings: Any) -> Any:
    """The cluster's block with some settings of it, or of one of its parts, changed."""
    if not part:
        return cluster.model_copy(update=settings)
    return cluster.model_copy(update={part: getattr(cluster, part).model_copy(update=settings)})


def ended_clearly(run: Run, *said: str) -> None:
    """One error in all, which says every given part; the report repeats it, and names one failed step."""
    assert run.ended == "FAILED", run.message
    for part in said:
        assert part in run.message, run.message
    problem = run.report.partition("**What went wrong:** ")[2].partition("\n")[0]
    assert problem
    assert problem in run.message, run.message
    assert run.report.count("**failed**") == 1
    assert [name for name, state in run.tasks.items() if state.startswith("Failed")] == [failed_step(run)]


def failed_step(run: Run) -> str:
    """The step that the report marks as failed."""
    return next(line.split("|")[1].strip() for line in run.report.splitlines() if "**failed**" in line)


def refused_by(run: Run, finding: str, *said: str) -> None:
    """The preflight refused because of this finding, and the report tells what was seen and what to do."""
    ended_clearly(run, f" {finding}: ", "Nothing was changed.")
    assert "refused" in run.report.splitlines()[0]
    assert failed_step(run) == "preflight"
    row = next(line for line in run.report.splitlines() if f"`{finding}`" in line)
    for part in ("| error |", *said):
        assert part in row, row


def untouched(world: World) -> None:
    """Nobody changed anything: not on the PBX, not on the control node, not on the server."""
    assert world.pbx.asked("POST", "/api/ip_filters") == 0
    assert world.pbx.asked("POST", "/api/dataflow/token") == 0
    assert world.registry.pulls == []
    assert not world.control.path("/var/lib/dataflow-flows").exists()
    assert not world.control.path("/home/pbx/.ssh/id_rsa").exists()
    assert not world.server.path("/home/pbx/.ssh/authorized_keys").exists()
    assert vendor.current_step(world.control) == 0


def result_of(run: Run, step: str) -> str:
    """What the report's table says of a step that was made: `changed`, `already so`, `looked` or `**failed**`."""
    rows = [line.split("|") for line in run.report.partition("## Steps")[2].partition("## ")[0].splitlines()]
    return next(cells[2].strip() for cells in reversed(rows) if len(cells) > 2 and cells[1].strip() == step)


def without_clickhouse_image(world: World) -> None:
    """Let an install end at the pull: everything before it is done, nothing behind it is tried."""
    del world.registry.images[CLICKHOUSE]


@contextmanager
def before_step(world: World, step: int, act: Callable[[], object]) -> Iterator[None]:
    """Let the script wait before one of its steps until something else has happened."""
    vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=step, FAIL_HOW="hang")
    over = threading.Event()

    def watch() -> None:
        while vendor.current_step(world.control) != step and not over.is_set():
            time.sleep(0.01)
        if not over.is_set():
            act()
            vendor.let_go_on(world.control)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


FULL_DISK = (
    "/dev/sda2 ext4 134145318912 900000000 8192000 /\n/dev/sdb1 ext4 549755813888 900000000 1 /var/lib/portsip\n"
)


def _no_script(world: World) -> None:
    world.control.path(f"{vendor.FOLDER}/dataflow.sh").unlink()


def _no_variables(world: World) -> None:
    world.control.path(f"{vendor.FOLDER}/res/vars.yml").unlink()


def _no_sudo(world: World) -> None:
    world.server.sudo = "none"


def _full_disk(world: World) -> None:
    world.server.answers["df"] = FULL_DISK


def two_cores(world: World) -> None:
    """Give the server half of the cores that the guide asks for."""
    world.server.answers["nproc"] = "2\n"


def _old_pbx(world: World) -> None:
    world.pbx.version = "22.2.1"


def _sick_cluster(world: World) -> None:
    said = "vip    (ocf::heartbeat:IPaddr2):    Stopped\npbx    (ocf::portsip:pbx):    FAILED pbx01\n"
    world.control.write("/etc/sandbox-ha-status", said)


def _other_path_recorded(world: World) -> None:
    """An earlier installation recorded another data path than the block has."""
    recorded = 'DATA_PATH="/var/lib/portsip-data"\nPBX_IP_ADDRESS="192.168.1.20"\n'
    world.server.write("/opt/portsip/dataflow-22/7f3a91/.configure_dataflow", recorded)


def _no_password_record(world: World) -> None:
    world.server.write("/var/lib/portsip/dataflow/system.ini", "[dataflow]\nport = 1\n")


def _port_shut(world: World) -> None:
    del world.server.reach[world.virtual_ip, 4222]


def _other_password_on_a_node(world: World) -> None:
    world.second.password = "another one"


SEEN_AT_ONCE = (
    (_full_disk, "host.docker-room", "server: 0.8 GiB free", "need 10 GiB", "docker image prune"),
    (two_cores, "host.vcpu", "server: 2 vCPU; required are at least 4", "Hardware Requirements"),
    (_old_pbx, "pbx.version", "version 22.2.1; Data Flow needs at least 22.3.0", "Prerequisites"),
    (_sick_cluster, "control.ha-unhealthy", "vip", "ha_ctl.sh status", "Prerequisites"),
    (_other_path_recorded, "host.data-path-differs", "-p /var/lib/portsip-data (", "the block says /var/lib/portsip |"),
    (_no_password_record, "host.password-record", "system.ini holds no password", "[dataflow]"),
    (_port_shut, "host.pbx-unreachable", "server cannot reach 192.168.1.20 on port 4222", "firewall"),
    (_other_password_on_a_node, "host.os-differs", "pbx02: could not be looked at", "Authentication failed"),
)
"""Each thing that can be wrong with the world, its finding, and what the report says of it."""
UNSEEN = (
    (
        _no_script,
        "control.script-missing",
        f"pbx01 has no {vendor.FOLDER}/dataflow.sh",
        "Unpack the vendor's",
        "Step 5",
    ),
    (_no_sudo, "host.sudo", "server: pbx may not use sudo", "/etc/sudoers.d", "User Account Requirements"),
    (_no_variables, "pbx.image-unknown", "the block names no PBX image", "vars.yml cannot be read", "PBX image (-i)"),
)
"""The same for what hides other facts: unknown is never a pass, so these bring further findings with them."""
