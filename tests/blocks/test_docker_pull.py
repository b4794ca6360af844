"""Pulling images: progress, what can go wrong at the registry, and that no rejected login is sent twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.docker_host import DockerHost, PullProgress
from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable
from tests.blocks.docker_support import Server, running_server
from tests.sandbox.registry import pbx_image

IMAGE = "portsip/pbx:22"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running host with an engine and no image."""
    with running_server(tmp_path) as server:
        yield server


def pull(server: Server, block: DockerHost | None = None, image: str = IMAGE) -> list[PullProgress]:
    """Pull over a connection of its own; every step."""
    block = block or DockerHost()
    with server.ssh.get_client() as ssh, block.get_client(ssh) as client:
        return list(block.pull(client, image))


def test_a_pull_tells_how_far_each_layer_is(server: Server) -> None:
    """Every layer ends at its whole size, and the image is there by its digest."""
    steps = pull(server)
    done = {step.layer: step for step in steps if step.total}
    remote = pbx_image()
    assert {layer: step.done for layer, step in done.items()} == dict(
        zip(remote.layer_names, remote.layers, strict=True)
    )
    assert server.engine.images.get(IMAGE).digests == [f"portsip/pbx@{remote.digest}"]


def test_an_image_that_is_there_is_not_transferred(server: Server) -> None:
    """The second pull has nothing to do."""
    server.engine.images.load(IMAGE)
    assert pull(server) == []


def test_a_moved_tag_brings_the_new_image(server: Server) -> None:
    """A floating tag is another image later; the old one stays without a name."""
    server.engine.images.load(IMAGE)
    newer = pbx_image("22.9.0.1")
    server.engine.registry.publish(newer)
    pull(server)
    assert server.engine.images.get(IMAGE).digests == [f"portsip/pbx@{newer.digest}"]
    assert server.engine.images.get(pbx_image().id).tags == []


def test_an_image_is_pulled_by_its_digest(server: Server) -> None:
    """A digest names one image for ever."""
    reference = f"portsip/pbx@{pbx_image().digest}"
    pull(server, image=reference)
    assert server.engine.images.get(reference).labels["product"] == "PBX"


@pytest.mark.parametrize(
    ("fault", "value", "kind", "words"),
    [
        ("refuse", True, APIError, "connection refused"),
        ("unauthorized", True, AccessDenied, "pull access denied"),
        ("fail_after", 50, APIError, "unexpected EOF"),
        ("full_disk", True, APIError, "no space left on device.*Make room"),
    ],
)
def test_each_failure_of_a_pull_has_its_error(
    server: Server, fault: str, value: object, kind: type[DataFlowError], words: str
) -> None:
    """The registry's own words arrive, and no half image stays."""
    setattr(server.engine.registry, fault, value)
    with pytest.raises(kind, match=words):
        pull(server)
    assert server.engine.images.all() == []


def test_an_image_that_does_not_exist_is_named(server: Server) -> None:
    """A typo in the tag."""
    with pytest.raises(APIError, match="portsip/pbx:2222") as caught:
        pull(server, image="portsip/pbx:2222")
    assert caught.value.status == 404


def test_a_slow_pull_ends_at_its_deadline(server: Server) -> None:
    """The whole pull has a deadline, however lively it is."""
    server.engine.registry.seconds = 120
    began = time.monotonic()
    with pytest.raises(APIError, match=r"not done after 0\.3 s"):
        pull(server, DockerHost(pull_timeout=0.3))
    assert time.monotonic() - began < 60


def test_a_silent_pull_is_given_up(server: Server) -> None:
    """docker's client waits without a limit here; our channel does not."""
    server.engine.registry.freeze_after = 50
    began = time.monotonic()
    with pytest.raises(Unreachable):
        pull(server, DockerHost(silence_timeout=0.5))
    assert time.monotonic() - began < 60


@pytest.mark.usefixtures("prefect_server")
def test_a_login_is_used_where_the_registry_wants_one(server: Server) -> None:
    """User and password go to the registry with the pull."""
    server.engine.registry.user, server.engine.registry.password = "me", "right"
    with pytest.raises(AccessDenied):
        pull(server)
    assert pull(server, DockerHost(registry_user="me", registry_password=SecretStr("right")))


@pytest.mark.usefixtures("prefect_server")
def test_a_rejected_login_is_not_sent_again(server: Server) -> None:
    """The second pull is refused before anything is sent, and no text holds the password (P9, P8)."""
    server.engine.registry.user, server.engine.registry.password = "me", "right"
    block = DockerHost(registry_user="me", registry_password=SecretStr("wrong-hush"))
    with pytest.raises(AccessDenied, match="incorrect username or password") as first:
        pull(server, block)
    with pytest.raises(AccessDenied, match="rejected before") as second:
        pull(server, block)
    assert server.engine.registry.logins == ["me"]
    assert "wrong-hush" not in f"{first.value!r} {second.value!r}"
