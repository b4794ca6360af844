"""The DockerHost block against the sandbox's engine, over the sandbox's SSH server."""

from __future__ import annotations

import json
import time
import typing
from collections.abc import Iterator
from pathlib import Path

import docker.errors
import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from blocks.docker_host import DockerHost
from blocks.errors import AccessDenied, APIError, CommandFailed, Unreachable
from tests.blocks.docker_support import Server, running_server


class TestDockerHostStandards(BlockStandardTestSuite):
    """Prefect's suite."""

    @pytest.fixture
    def block(self) -> type[Block]:
        """The block under test."""
        return DockerHost


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running host with an engine and no image."""
    with running_server(tmp_path) as server:
        yield server


def test_every_field_suits_a_form() -> None:
    """A title, a described purpose, and nothing that may be None, which the form shows as a broken tab."""
    for name, field in DockerHost.model_fields.items():
        assert field.title, name
        assert (field.description or "").endswith("."), name
        assert type(None) not in typing.get_args(field.annotation), name


def test_an_unknown_setting_is_refused() -> None:
    """A typo is not silently ignored."""
    with pytest.raises(ValidationError, match="regstry"):
        DockerHost(regstry="x")  # type: ignore[call-arg]


def test_one_channel_serves_many_calls(server: Server) -> None:
    """Asking for the version, listing and inspecting share one `docker system dial-stdio`."""
    server.engine.images.load("portsip/pbx:22")
    with server.ssh.get_client() as ssh, DockerHost().get_client(ssh) as client:
        assert client.containers.list(all=True) == []
        assert client.images.get("portsip/pbx:22").labels["product"] == "PBX"
        assert client.info()["DockerRootDir"] == "/var/lib/docker"
    assert sum("dial-stdio" in command for command in server.host.commands) == 1


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [("1.41", "1.12", "1.41"), ("1.52", "1.44", "1.45"), ("1.60", "1.50", "1.50")],
    ids=["older than the client", "Docker 29", "newer than the client"],
)
def test_a_version_is_spoken_that_the_engine_knows(tmp_path: Path, newest: str, oldest: str, spoken: str) -> None:
    """The engine is asked first, without a version; Docker 29 answers nothing below 1.44."""
    with (
        running_server(tmp_path, api_version=newest, min_api_version=oldest) as server,
        server.ssh.get_client() as ssh,
        DockerHost().get_client(ssh) as client,
    ):
        assert client.ping()
        assert client.api._version == spoken


def test_docker_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """Exit code 127 and what to do."""
    with (
        running_server(tmp_path, docker_installed=False) as server,
        server.ssh.get_client() as ssh,
        pytest.raises(CommandFailed, match="not installed") as caught,
        DockerHost().get_client(ssh),
    ):
        pass
    assert caught.value.exit_code == 127


def test_an_engine_that_is_down_is_named(server: Server) -> None:
    """Unreachable, with the command that starts it."""
    server.engine.stop_daemon()
    with (
        server.ssh.get_client() as ssh,
        pytest.raises(Unreachable, match="systemctl start docker"),
        DockerHost().get_client(ssh),
    ):
        pass


def test_sudo_is_tried_when_the_user_may_not(server: Server) -> None:
    """`auto` tries without first, then with."""
    server.engine.allow_users(False)
    with server.ssh.get_client() as ssh, DockerHost().get_client(ssh) as client:
        assert client.ping()
    assert "sudo -n docker system dial-stdio" in server.host.commands


def test_without_sudo_a_forbidden_socket_is_named(server: Server) -> None:
    """`never` ends in AccessDenied, and says which group helps."""
    server.engine.allow_users(False)
    with (
        server.ssh.get_client() as ssh,
        pytest.raises(AccessDenied, match="group docker"),
        DockerHost(sudo="never").get_client(ssh),
    ):
        pass


def test_neither_group_nor_sudo_is_named(server: Server) -> None:
    """Where sudo is refused, too, the error says so."""
    server.engine.allow_users(False)
    server.host.sudo = "none"
    with (
        server.ssh.get_client() as ssh,
        pytest.raises(AccessDenied, match="sudo"),
        DockerHost().get_client(ssh),
    ):
        pass


def test_an_engine_that_says_nothing_is_given_up(server: Server) -> None:
    """Every call has a deadline."""
    server.engine.faults.frozen.add("GET /containers/json")
    began = time.monotonic()
    with (
        server.ssh.get_client() as ssh,
        pytest.raises(Unreachable),
        DockerHost(timeout=0.5).get_client(ssh) as client,
    ):
        client.containers.list()
    assert time.monotonic() - began < 60  # it would never end


def test_an_error_of_the_engine_names_call_and_status(server: Server) -> None:
    """The method, the path and docker's message arrive."""
    server.engine.faults.answers["GET /info"] = (500, "the disk is on fire")
    with (
        server.ssh.get_client() as ssh,
        pytest.raises(
            APIError, match=r"tried the Docker API \(GET /v1\.41/info\); got: 500: the disk is on fire"
        ) as caught,
        DockerHost().get_client(ssh) as client,
    ):
        client.info()
    assert caught.value.status == 500


def test_missing_containers_stay_dockers_own_error_inside(server: Server) -> None:
    """A caller that expects "not found" can catch it where it asks."""
    with server.ssh.get_client() as ssh, DockerHost().get_client(ssh) as client:
        with pytest.raises(docker.errors.NotFound):
            client.containers.get("portsip.dataflow")
        assert client.ping()


def test_a_cut_link_is_unreachable(server: Server) -> None:
    """The network goes away in the middle of a pull."""
    server.engine.registry.seconds = 20
    block = DockerHost()
    with server.ssh.get_client() as ssh, pytest.raises(Unreachable), block.get_client(ssh) as client:
        for step in block.pull(client, "portsip/pbx:22"):
            if step.done:
                server.host.link.cut()


def test_proxies_and_logins_of_the_worker_do_not_matter(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this machine has in its environment and in ~/.docker stays here."""
    login = {"auths": {"https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0"}}}
    (tmp_path / "config.json").write_text(json.dumps(login))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    block = DockerHost()
    with server.ssh.get_client() as ssh, block.get_client(ssh) as client:
        assert list(block.pull(client, "portsip/pbx:22"))
    assert server.engine.registry.logins == []


def test_the_password_is_not_shown() -> None:
    """Neither by repr nor in a dump."""
    block = DockerHost(registry_user="me", registry_password=SecretStr("hush-hush"))
    assert "hush-hush" not in repr(block) + str(block) + str(block.model_dump())
