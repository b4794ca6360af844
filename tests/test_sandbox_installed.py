"""A world where the service is installed: nobody can tell it from one where the vendor's script did it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.flows.support import wait_until
from tests.sandbox import installed, vendor
from tests.sandbox.host import Host
from tests.sandbox.registry import NEW_PBX, OLD_PBX, pbx_image
from tests.sandbox.world import SERVER, World

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

ROWS = 2000
FOLDERS = ("opt", "home", "root", "var/lib/portsip/dataflow")


def script(control: Host, words: str) -> subprocess.CompletedProcess[str]:
    """Run dataflow.sh as the guide says, without an SSH connection of our own."""
    command = ["/bin/bash", "-c", f"cd {control.path(vendor.FOLDER)} && /bin/bash dataflow.sh {words}"]
    nothing = subprocess.DEVNULL
    return subprocess.run(command, env=control.environment, capture_output=True, text=True, timeout=60, stdin=nothing)


def by_script(world: World, version: str) -> None:
    """Install as it was done then: with the PBX image of that time under its tag."""
    installed.prepare(world)
    today = world.registry.images["portsip/pbx:22"]
    world.registry.images["portsip/pbx:22"] = pbx_image(OLD_PBX)
    vendor.settle(world.control, SECONDS_PER_STEP=0)
    said = script(world.control, f"run -p /var/lib/portsip -a {SERVER} -d portsip/clickhouse:{version}")
    assert said.returncode == 0, said.stdout + said.stderr
    world.registry.images["portsip/pbx:22"] = today


def traces(world: World) -> dict[str, Any]:
    """What a flow can see of an installation, without what differs between any two of them."""
    return {
        "containers": {name: inspected(world, name) for name in names(world)},
        "images": sorted((image.id, *image.tags, *image.digests) for image in world.engine.images.all()),
        "server": files(world, world.server),
        "control": files(world, world.control),
        "data": sorted(p.name for p in world.server.path("/var/lib/portsip/clickhouse/data").iterdir()),
        "tables": world.ask("SELECT name, create_table_query FROM system.tables WHERE database = 'default' ORDER BY 1"),
        "rows": world.ask("SELECT table, sum(rows) FROM system.parts WHERE active GROUP BY 1 ORDER BY 1"),
        "links": links(world),
        "registered": world.pbx.data_flow.row,
    }


def names(world: World) -> list[str]:
    """The containers' names, the newest first."""
    return [container.name for container in world.engine.containers]


def inspected(world: World, name: str) -> dict[str, Any]:
    """`docker inspect`, where ids, times and the password are only marked as there or not."""
    said = subprocess.run(
        [str(world.server.path("/bin/docker")), "inspect", name],
        env=world.server.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    text = said.stdout.replace(world.engine.container(name).id, "<id>").replace(world.clickhouse_password, "<password>")
    text = text.replace(world.engine.container(name).id[:12], "<short id>")
    shown: dict[str, Any] = json.loads(re.sub(r'"2\d{3}-\d\d-\d\dT[^"]+Z"', '"<time>"', text))[0]
    shown["State"] |= {"Pid": bool(shown["State"]["Pid"])}
    shown["State"].get("Health", {}).pop("Log", None)
    return shown


def files(world: World, host: Host) -> dict[str, tuple[int, str]]:
    """Mode and content of every file below the folders that an installation changes."""
    found = {}
    for folder in FOLDERS:
        for place in host.path(folder).rglob("*"):
            if place.is_file():
                text = place.read_text().replace(world.server.host_key, "<host key>")
                text = text.replace(world.clickhouse_password, "<password>")
                found[str(place.relative_to(host.root))] = (place.stat().st_mode & 0o777, text)
    return found


def links(world: World) -> dict[str, bool]:
    """The links in ClickHouse's data folder, and whether each leads to a folder of this very world."""
    data = world.server.path("/var/lib/portsip/clickhouse/data")
    walked = os.walk(data)  # which passes over what ClickHouse renames meanwhile, as rglob does not
    every = (Path(folder, name) for folder, folders, files in walked for name in (*folders, *files))
    found = [place for place in every if place.is_symlink()]
    return {str(p.relative_to(data)): p.resolve().is_dir() and data.resolve() in p.resolve().parents for p in found}


@pytest.mark.parametrize(("variant", "version"), [("22.3", "24.8"), ("22.8", "25.8")])
def test_it_is_what_the_script_leaves_behind(variant: str, version: str) -> None:
    """The same inspection of both containers, files with their modes, images, tables, rows and registration."""
    with World(variant=variant, history_rows=ROWS) as world:
        by_script(world, version)
        wait_until(lambda: world.pbx.data_flow.row["private_ipv4"], "the service to register, after its import")
        there = traces(world)
    with World(variant=variant, history_rows=ROWS, installed=version) as world:
        assert traces(world) == there
        assert all(there["links"].values())
        assert vendor.current_step(world.control) == 0
        assert world.registry.pulls == []


def test_two_worlds_of_one_template_do_not_meet() -> None:
    """Rows of one are not in the other, each has its own server id, and no link leads out of its folder."""
    with World(installed="24.8", history_rows=ROWS) as one, World(installed="24.8", history_rows=ROWS) as two:
        one.ask("CREATE TABLE only_here (x UInt8) ENGINE = MergeTree ORDER BY x")
        one.ask("TRUNCATE TABLE cdr")
        assert (one.ask("SELECT count() FROM cdr"), two.ask("SELECT count() FROM cdr")) == ("0", str(ROWS))
        assert two.ask("EXISTS TABLE only_here") == "0"
        assert one.ask("SELECT serverUUID()") != two.ask("SELECT serverUUID()")
        assert all(links(one).values())


@pytest.mark.parametrize("variant", ["22.3", "22.8"])
def test_the_script_upgrades_it_on_the_same_data(variant: str) -> None:
    """Both images by digest, -i first: the newer shape takes both, the older one ignores -d and exits 0."""
    with World(variant=variant, history_rows=ROWS, installed="24.8", live_calls=True) as world:
        server = world.ask("SELECT serverUUID()")
        pbx, clickhouse = (world.registry.images[f"portsip/{name}"] for name in ("pbx:22", "clickhouse:25.8"))
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        world.wait_for_calls(10)
        words = f"upgrade -i portsip/pbx@{pbx.digest} -d portsip/clickhouse@{clickhouse.digest}"
        said = script(world.control, words)
        assert said.returncode == 0, said.stdout + said.stderr
        assert ("illegal option -- d" in said.stderr) is (variant == "22.3")
        world.wait_for_calls(10)
        assert world.missing_records() == {}
        assert world.ask("SELECT serverUUID()") == server
        assert int(world.ask("SELECT count() FROM cdr WHERE NOT startsWith(call_id, 'live-')")) == ROWS
        assert world.ask("SELECT version()").startswith("24.8" if variant == "22.3" else "25.8")
        shape = vendor.VARIANTS[variant]
        assert world.engine.container(shape.writer).image.remote.version == NEW_PBX
        assert inspected(world, shape.writer)["Config"]["Image"] == f"portsip/pbx@{pbx.digest}"
        assert [i.remote.version for i in world.engine.images.all() if i.labels.get("product")] == [NEW_PBX]
        saved = world.server.path(f"{shape.folder}/.configure_dataflow").read_text()
        assert f"DATAFLOW_IMG={shape.quote}portsip/pbx@{pbx.digest}{shape.quote}" in saved


def test_it_is_there_in_a_moment() -> None:
    """With its template made, a world with a service costs little more than one without."""
    World(installed="25.8", history_rows=ROWS).__enter__().__exit__(None, None, None)
    began = time.monotonic()
    with World(installed="25.8", history_rows=ROWS) as world:
        assert time.monotonic() - began < 60  # alone on two cores: 0.8 s
        assert world.ask("SELECT count() FROM cdr") == str(ROWS)
        assert Path(world.ledger.file).exists() is False
