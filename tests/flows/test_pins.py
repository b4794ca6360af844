"""Restore points through SSH and Docker's client: made, pinned against the vendor's prune, listed, removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import docker
import pytest

from blocks.ssh_client import SshClient
from flows.core.change_state import Images
from flows.core.installed import service
from flows.core.replace import running_images
from flows.errors import CommandFailed
from flows.tasks.look_docker import read_docker
from flows.tasks.restore_point import (
    check_restore_point,
    list_restore_points,
    make_restore_point,
    missing_pins,
    opened,
    put_back,
    remove_restore_point,
    rows_on_disk,
)
from tests.flows.story_support import block_of
from tests.sandbox.world import World

DATA = "/var/lib/portsip"
PRUNE = ["docker", "image", "prune", "-a", "-f", "--filter", "label=product=PBX"]
"""As the vendor's script does it after an upgrade."""


@pytest.fixture(scope="module")
def stopped(prefect_server: str) -> Iterator[tuple[Any, SshClient, docker.DockerClient, Images, World]]:
    """A cluster whose service is stopped, a connection to its server, and the images that it ran."""
    with World(installed="25.8", history_rows=2_000) as world:
        cluster = block_of(world)
        with cluster.server.get_client(name="server") as ssh, cluster.docker.get_client(ssh) as client:
            images = running_images(service(read_docker(client, ()), DATA), {})
            assert images is not None
            trouble = make_trouble(cluster, ssh, client, images)
            assert "ClickHouse still runs" in trouble
            for container in client.containers.list():
                container.stop(timeout=30)
            yield cluster, ssh, client, images, world


def make_trouble(cluster: Any, ssh: SshClient, client: docker.DockerClient, images: Images) -> str:
    """Why no restore point can be made now."""
    with pytest.raises(CommandFailed) as raised:
        make_restore_point(cluster, ssh, client, change="c0", recorded={}, images=images)
    return raised.value.answer


def test_pins_hold_the_images_until_the_point_is_removed(
    stopped: tuple[Any, SshClient, docker.DockerClient, Images, World],
) -> None:
    """The vendor prunes every image without a container; a tag that moves on or goes away is no pin."""
    cluster, ssh, client, images, world = stopped
    assert check_restore_point(ssh, DATA) == ""
    recorded = {"DATA_PATH": DATA}
    point = make_restore_point(cluster, ssh, client, change="c1", recorded=recorded, images=images)
    assert (point.images, point.recorded, point.change) == (images, recorded, "c1")
    assert list_restore_points(ssh, DATA) == (point,)
    assert (opened(ssh, point), missing_pins(client, point)) == (False, ())
    again = make_restore_point(cluster, ssh, client, change="c1", recorded=recorded, images=images)
    assert again == point  # nothing opened the data since: a retry takes the same one

    for container in client.containers.list(all=True, filters={"name": "portsip"}):
        container.remove()
    ssh.run(PRUNE, sudo=True)
    assert client.images.get(images.pbx.id).id == images.pbx.id
    assert service(read_docker(client, ()), DATA).containers == ()

    rows = rows_on_disk(ssh, f"{DATA}/clickhouse/data")
    assert rows is not None
    assert rows > 2_000
    world.server.path(f"{DATA}/clickhouse/data/uuid").write_text("damaged")
    assert opened(ssh, point) is True
    assert set(put_back(ssh, point)) == {f"{DATA}/clickhouse/data"}
    assert opened(ssh, point) is False
    assert rows_on_disk(ssh, f"{DATA}/clickhouse/data") == rows

    remove_restore_point(ssh, client, point)
    remove_restore_point(ssh, client, point)  # as after a link that broke before the answer
    assert list_restore_points(ssh, DATA) == ()
    assert opened(ssh, replace(point, id="gone")) is None
    assert missing_pins(client, point) == (images.pbx, images.clickhouse)
    ssh.run(PRUNE, sudo=True)
    assert images.pbx.id not in {image.id for image in world.engine.images.all()}
    assert rows_on_disk(ssh, f"{DATA}/clickhouse/data") == rows


def test_a_disk_outside_of_every_mounted_folder_is_refused(
    stopped: tuple[Any, SshClient, docker.DockerClient, Images, World],
) -> None:
    """Its data would be gone with the container, and no restore point could hold it."""
    cluster, ssh, client, images, _ = stopped
    with pytest.raises(CommandFailed, match="no folder of the server"):
        make_restore_point(cluster, ssh, client, change="c2", recorded={}, images=images, disks=["/disks/two/"])
