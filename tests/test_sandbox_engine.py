"""The sandbox's Docker engine: restarts, health, kills, names, prunes, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker.errors
import pytest
from docker import DockerClient

from tests.blocks.docker_support import (
    SECOND,
    healthy,
    running_engine,
    start_clickhouse,
    until,
)
from tests.sandbox.docker_engine import Engine

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[tuple[Engine, DockerClient]]:
    """An engine with the images of the guide."""
    with running_engine(tmp_path) as both:
        yield both


def test_a_kill_shows_as_137(setup: tuple[Engine, DockerClient]) -> None:
    """A server that does not react is killed when the patience ends."""
    engine, client = setup
    container = healthy(start_clickhouse(client))
    engine.faults.deaf.add("portsip.clickhouse")
    container.stop(timeout=0)
    container.reload()
    assert (container.status, container.attrs["State"]["ExitCode"]) == ("exited", 137)


def test_a_dead_process_is_started_again(setup: tuple[Engine, DockerClient]) -> None:
    """`unless-stopped` acts, and the count shows it."""
    engine, client = setup
    container = healthy(start_clickhouse(client))
    engine.container("portsip.clickhouse").crash()
    until(lambda: container.reload() or container.attrs["RestartCount"] == 1)
    healthy(container)


def test_a_crash_at_the_start_is_never_healthy(setup: tuple[Engine, DockerClient]) -> None:
    """Docker tries again and again."""
    engine, client = setup
    engine.faults.crash_on_start["portsip.clickhouse"] = 210
    container = start_clickhouse(client)
    until(lambda: container.reload() or container.attrs["RestartCount"] >= 2)
    assert container.attrs["State"]["ExitCode"] in (0, 210)
    assert container.health != "healthy"


def test_a_failing_health_check_shows(setup: tuple[Engine, DockerClient]) -> None:
    """starting, then unhealthy after three bad answers."""
    engine, client = setup
    engine.faults.unhealthy.add("portsip.clickhouse")
    check = {"test": ["CMD-SHELL", "wget"], "interval": SECOND, "retries": 3}
    container = start_clickhouse(client, healthcheck=check)
    assert container.health == "starting"
    until(lambda: container.reload() or container.health == "unhealthy")


def test_prune_spares_what_a_container_uses(setup: tuple[Engine, DockerClient]) -> None:
    """A created container, never started, pins its image; a tag does not."""
    engine, client = setup
    everything = {"dangling": False, "label": "product=PBX"}
    pin = client.containers.create("portsip/pbx:22", ["serve"], name="pin")
    assert client.images.prune(everything)["ImagesDeleted"] is None
    with pytest.raises(docker.errors.APIError, match="must force"):
        client.images.remove("portsip/pbx:22")
    pin.remove()
    assert client.images.prune(everything)["ImagesDeleted"]
    assert [image.tags for image in engine.images.all()] == [["portsip/clickhouse:25.8"]]


def test_a_name_is_given_once(setup: tuple[Engine, DockerClient]) -> None:
    """Docker's 409, as after an upgrade that died half way."""
    _, client = setup
    client.containers.create("portsip/pbx:22", ["serve"], name="portsip.dataflow")
    with pytest.raises(docker.errors.APIError, match="already in use") as caught:
        client.containers.create("portsip/pbx:22", ["serve"], name="portsip.dataflow")
    assert caught.value.status_code == 409


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """No process and no file of the engine's own after closing, whatever ran."""
    with running_engine(tmp_path) as (engine, client):
        container = healthy(start_clickhouse(client))
        pid, socket = container.attrs["State"]["Pid"], engine.socket
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not socket.parent.exists()
