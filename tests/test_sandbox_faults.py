"""The faults of the sandbox that the stories of a change need: each does what it says, and only that."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.sandbox import vendor
from tests.sandbox.data_template import wait_healthy
from tests.sandbox.docker_container import Container
from tests.sandbox.host import Host
from tests.sandbox.world import World
from tests.sandbox.world_faults import FAULTS, NEW_ENGINE, RESTORE_POINTS

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

ROWS = 2000


@pytest.fixture
def world() -> Iterator[World]:
    """An installed service with few records."""
    with World(installed="25.8", history_rows=ROWS) as world:
        yield world


def database(world: World) -> Container:
    """ClickHouse's container."""
    return world.engine.container(vendor.VARIANTS[world.variant].database)


def again(world: World) -> None:
    """Stop ClickHouse cleanly, and start it until it is healthy."""
    assert database(world).stop(60)
    assert database(world).exit_code == 0
    database(world).start()
    wait_healthy(world.engine, database(world).name)


def parts(world: World) -> set[str]:
    """The active parts of cdr."""
    return set(world.ask("SELECT name FROM system.parts WHERE table = 'cdr' AND active").split())


def hashes(world: World) -> set[str]:
    """What the active parts of cdr hold."""
    return set(world.ask("SELECT hash_of_all_files FROM system.parts WHERE table = 'cdr' AND active").split())


def test_five_rows_lost_inside_a_part(world: World) -> None:
    """Healthy, the same parts by name, one of them with another content, and five rows fewer."""
    before, content = parts(world), hashes(world)
    FAULTS["rows-lost"](world)
    again(world)
    assert world.ask("SELECT count() FROM cdr") == str(ROWS - 5)
    assert parts(world) == before
    assert len(hashes(world) - content) == 1
    assert world.engine.faults.lost[0].partition("/")[2] in before


def test_a_part_is_lost(world: World) -> None:
    """Healthy, and the part is gone without a trace."""
    before = parts(world)
    FAULTS["part-lost"](world)
    again(world)
    assert parts(world) < before
    assert world.ask("SELECT count() FROM system.detached_parts") == "0"


def test_a_corrupt_part_is_detached(world: World) -> None:
    """ClickHouse says nothing and is healthy; the part lies in `detached`."""
    before = parts(world)
    FAULTS["part-corrupt"](world)
    again(world)
    assert len(before - parts(world)) == 1
    assert world.ask("SELECT reason FROM system.detached_parts") == "broken-on-start"


def test_an_empty_folder_in_place_of_the_data(world: World) -> None:
    """Docker shows the right mount, another server id answers; with the disk back everything is there."""
    server = world.ask("SELECT serverUUID()")
    FAULTS["data-folder-empty"](world)
    again(world)
    assert world.ask("SELECT serverUUID()") != server
    assert world.ask("EXISTS TABLE cdr") == "0"  # until Data Flow starts the next time and makes it anew
    assert "/var/lib/portsip/clickhouse/data" in database(world).settings.shown_binds.values()
    world.engine.faults.empty_mount.clear()
    again(world)
    assert world.ask("SELECT serverUUID(), (SELECT count() FROM cdr)") == f"{server}\t{ROWS}"


def test_a_deaf_clickhouse_is_killed(world: World) -> None:
    """Its exit code tells that it did not end by itself."""
    FAULTS["clickhouse-deaf"](world)
    database(world).stop(0.1)
    assert database(world).exit_code == 137


def test_a_new_engine_that_crashes(world: World) -> None:
    """By its image, whatever the container's name; another image lives, also when it is called by its digest."""
    FAULTS["new-engine-crashes"](world)
    world.engine.images.load("portsip/clickhouse:24.8")
    digest = world.registry.images[NEW_ENGINE].digest
    for reference, lives in ((f"portsip/clickhouse@{digest}", False), ("portsip/clickhouse:24.8", True)):
        name = f"test-{lives}"
        made = world.engine.create(name, {"Image": reference, "HostConfig": {"RestartPolicy": {"Name": "no"}}})
        database(world).stop(60)  # they share the port
        made.start()
        if lives:
            time.sleep(0.2)
            assert made.running
        else:
            assert made.wait() == 139


def test_a_registration_that_nobody_knows_of(world: World) -> None:
    """The PBX shows no server, also after the service registered once more, which is answered with yes."""
    FAULTS["not-registered"](world)
    writer = world.engine.container(vendor.VARIANTS[world.variant].writer)
    writer.stop(10)
    assert writer.output.count(b"registered with the PBX") == 1
    writer.start()
    deadline = time.monotonic() + 20
    while writer.output.count(b"registered with the PBX") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert writer.output.count(b"registered with the PBX") == 2
    assert set(world.pbx.data_flow.row.values()) == {None}


def local(host: Host, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the host without SSH."""
    words, nothing = ["/bin/bash", "-c", command], subprocess.DEVNULL
    return subprocess.run(words, env=host.environment, capture_output=True, text=True, timeout=60, stdin=nothing)


def test_a_disk_that_is_full_below_one_folder(world: World) -> None:
    """Some files and links still fit, the next one meets ENOSPC; beside the folder there is room."""
    FAULTS["no-room-for-a-restore-point"](world)
    place = world.server.path(RESTORE_POINTS)
    program = "import os, sys; d = sys.argv[1]; os.mkdir(d); [os.link('/etc/hostname', f'{d}/{n}') for n in range(99)]"
    link = world.server.write("/var/lib/portsip/file", "")
    said = local(world.server, f'python3 -c "{program.replace("/etc/hostname", str(link))}" {place}')
    assert said.stderr.strip().splitlines()[-1].startswith("OSError: [Errno 28] No space left on device")
    assert len(list(place.iterdir())) == 19  # and the folder itself
    elsewhere = place.with_name("elsewhere")
    assert local(world.server, f"python3 -c \"import os; os.mkdir('{elsewhere}')\"").returncode == 0


def test_a_script_that_leaves_a_program_behind(world: World) -> None:
    """The script ends, a program with its open files stays; the world's end takes it away."""
    FAULTS["script-leaves-a-daemon"](world)
    script = world.control.path(f"{vendor.FOLDER}/dataflow.sh")
    log = world.folder / "log"
    with log.open("w") as out:
        subprocess.run(["/bin/bash", script, "nonsense"], env=world.control.environment, stdout=out, timeout=30)
    assert log.read_text() == "[error]: unknown command nonsense\n"
    deadline = time.monotonic() + 10
    while len(found := world.control.processes()) != 1 and time.monotonic() < deadline:
        time.sleep(0.01)  # in the middle of its start it shows no environment
    (left,) = found
    assert os.readlink(f"/proc/{left}/fd/1") == str(log)  # noqa: PTH115
    world.control.__exit__()
    assert world.control.processes() == []
    world.control.root.mkdir(parents=True)  # for the world's own end


def test_a_pull_by_digest_finds_an_image_without_a_tag(world: World) -> None:
    """The tag means a newer image by now: the old one stays usable by its digest, from the host and the registry."""
    (old,) = [i for i in world.engine.images.all() if "portsip/pbx:22" in i.tags]
    reference = old.digests[0]
    docker = str(world.server.path("/bin/docker"))
    assert local(world.server, f"{docker} pull portsip/pbx:22").returncode == 0
    assert (old.tags, world.engine.images.get(reference)) == ([], old)
    for container in world.engine.containers:
        container.stop(10)
        world.engine.remove(container.name, force=True)
    world.engine.images.remove(reference, force=True)
    said = local(world.server, f"{docker} pull {reference}")
    assert f"docker.io/{reference}: Pulling from portsip/pbx\n" in said.stdout
    assert world.engine.images.get(reference).id == old.id
    assert old.id != world.engine.images.get("portsip/pbx:22").id


def test_a_created_container_keeps_its_image(world: World) -> None:
    """`docker create` starts nothing and pins what prune would take; stop does nothing to it."""
    docker = str(world.server.path("/bin/docker"))
    reference = world.registry.images["portsip/pbx:22"].digest
    assert local(world.server, f"{docker} create --name pin --label keep=1 portsip/pbx@{reference}").returncode == 0
    pin = world.engine.container("pin")
    assert (pin.status, pin.exit_code, pin.state()["StartedAt"]) == ("created", 0, "0001-01-01T00:00:00Z")
    prune = f"{docker} image prune -a -f --filter label=product=PBX"
    assert "Deleted" not in local(world.server, prune).stdout.title()
    assert local(world.server, f"{docker} stop pin && {docker} rm pin").stdout == "pin\npin\n"
    assert f"deleted: {pin.image.id}" in local(world.server, prune).stdout
