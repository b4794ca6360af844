"""A first contact with a cluster that takes calls: it is seen whole, and nothing of it is changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.flows.conftest import Run, read_run
from tests.flows.secret_hunt import Hunter
from tests.sandbox import vendor
from tests.sandbox.recording import Recording
from tests.sandbox.saved_blocks import schemas_made_once, ssh_block
from tests.sandbox.world import World
from tests.stories.reads import writes
from tests.stories.serving import SERVING
from tests.stories.words import begin, nothing_is_lost
from tests.stories.worlds import in_world

SERVER_BLOCK = "first-contact-server"
FOLDERS = ("/etc", "/opt", "/home", "/root", "/var/lib/portsip", "/var/lib/dataflow-flows")
OF_THE_ENGINE = ("/var/lib/portsip/clickhouse/data", "/var/lib/portsip/clickhouse/log")
"""What ClickHouse itself writes all the time, while calls come in."""
OF_SUDO = ".sudo_as_admin_successful"
"""Debian's and Ubuntu's sudo leaves it in the home of an account that uses it for the first time."""


def meet(cluster: Any, world: World, folder: Path, **parameters: Any) -> Run:
    """Run `first-contact` with this cluster's blocks."""
    from flows.first_contact import first_contact

    with schemas_made_once():
        ssh_block(world.server).save(SERVER_BLOCK, overwrite=True)
    words = {"server": SERVER_BLOCK, "folder": str(folder), **parameters}
    return read_run(first_contact(cluster.pbx, cluster.control, **words, return_state=True))


def page_of(folder: Path) -> str:
    """The one file that it left."""
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text()


def files(world: World) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of every file of all hosts that is not ClickHouse's own, and every folder."""
    found = {}
    for host in (world.control, world.second, world.third, world.server):
        engine = [str(host.path(folder)) for folder in OF_THE_ENGINE]
        for folder in FOLDERS:
            for above, folders, names in os.walk(host.path(folder)):
                folders[:] = [name for name in folders if os.path.join(above, name) not in engine]  # noqa: PTH118
                place = above.removeprefix(str(host.path("/")))
                found[f"{host.name}:{place}/"] = (Path(above).stat().st_mode, 0, 0)
                for name in (name for name in names if name != OF_SUDO):
                    seen = Path(above, name).lstat()
                    found[f"{host.name}:{place}/{name}"] = (seen.st_mode, seen.st_size, seen.st_mtime_ns)
    return found


def schema(world: World) -> str:
    """Every table as it was made, and every setting."""
    tables = "SELECT count(), sum(cityHash64(name, create_table_query)) FROM system.tables WHERE database = 'default'"
    return world.ask(tables) + world.ask("SELECT sum(cityHash64(name, value)) FROM system.server_settings")


def only_read(recording: Recording) -> None:
    """Each command and request of a recording is one that reads, and there was one sign-in."""
    asked = [f"{each.method} {each.path}" for each in recording.pbx if not each.path.endswith("/register")]
    assert [each for each in asked if not each.startswith("GET ")] == [
        "POST /api/auth/sign_in",
        "POST /api/auth/sign_out",
    ]
    assert len(asked) > 10
    assert all(recording.commands[name] for name in ("pbx01", "dataflow01"))
    assert [found for commands in recording.commands.values() for each in commands for found in writes(each)] == []
    assert (recording.commands["pbx02"], recording.commands["pbx03"]) == ([], [])
    assert len(recording.docker) > 5
    assert [each for each in recording.docker if not each.startswith(("GET ", "HEAD "))] == []
    statements = [data for data in recording.forwarded if data.startswith(b"POST ")]
    assert [data[:200] for data in statements if b"readonly=2" not in data] == []


@in_world(SERVING)
def test_a_first_contact_sees_everything_and_changes_nothing(world: World, cluster: Any, tmp_path: Path) -> None:
    """Every command and request of it reads; no file, table or setting is another; the file holds no secret."""
    begin(world)
    with world.recorded() as recording:
        before, tables = files(world), schema(world)
        run = meet(cluster, world, tmp_path)
        assert [name for name, _ in before.items() ^ files(world).items()] == []
        assert schema(world) == tables
    only_read(recording)
    assert sum(data.startswith(b"POST ") for data in recording.forwarded) > 5  # else nobody listened

    assert run.ended == "COMPLETED", run.message
    assert "3 of 3 doors opened; PBX " in run.message
    page = page_of(tmp_path)
    names = vendor.VARIANTS[world.variant]
    for said in (names.database, names.writer, names.folder, "24.8.", "default.cdr", "`i:d:` in upgrade_verb"):
        assert said in page, said
    for said in ("| Data path (-p) | `/var/lib/portsip` |", "synchronously: ", "we read it as healthy"):
        assert said in page, said
    assert f"| Private address (-a) | `{world.server.address}` | .configure_dataflow, its container |" in page
    assert page.count("**still open**") <= 5
    secrets = {f"PBX secret {number}": secret for number, secret in enumerate(world.pbx.secrets)}
    hunter = Hunter({**secrets, "ssh": world.password, "clickhouse": world.clickhouse_password})
    assert (
        hunter.hits(iter([("the file", page.encode()), ("the run", f"{run.message}{run.logs}{run.tasks}".encode())]))
        == []
    )
    nothing_is_lost(world)
