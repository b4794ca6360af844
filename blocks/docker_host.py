"""The Docker engine of the Data Flow server, reached through the host's SSH connection only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import docker
import requests
from docker.constants import DEFAULT_DOCKER_API_VERSION, MINIMUM_DOCKER_API_VERSION
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.channel import ChannelAdapter, OpenPort
from blocks.docker_errors import refused, translated
from blocks.errors import AccessDenied, APIError, CommandFailed, Unreachable
from blocks.mask import no_mask
from blocks.rejected import refuse_if_rejected, remember_rejected
from blocks.ssh_client import SshClient

_ADDRESS = "http://docker:80"  # docker-py wants one; no name is looked up and no port opened
_DIAL = ("docker", "system", "dial-stdio")
_ASK = ("docker", "version", "--format", "{{.Server.Version}}")
# Bash is what the image's own entry point is written in; nothing but a port of the container itself is joined.
_JOIN = 'exec 3<>"/dev/tcp/$0/$1" 4<&0; { cat <&4 >&3; kill $$; } & exec cat <&3'
_DOCKER_HUB = "https://index.docker.io/v1/"


class PullProgress(NamedTuple):
    """One step of a pull: the layer, docker's word for it, bytes done and bytes in all (0: not told)."""

    layer: str
    status: str
    done: int
    total: int


class DockerHost(Block):
    """The Docker engine of the Data Flow server: how to reach it, and the registry's login for images.

    Example:
        Load a saved block and list containers over an SSH connection:
        ```python
        from blocks.docker_host import DockerHost
        from blocks.ssh import SshHost

        engine = DockerHost.load("BLOCK_NAME")
        with SshHost.load("HOST").get_client() as ssh:
            with engine.get_client(ssh) as client:
                print([container.name for container in client.containers.list()])
        ```
    """

    _block_type_name = "Docker Host"
    _block_type_slug = "docker-host"
    _logo_url = "https://raw.githubusercontent.com/PrefectHQ/prefect/main/docs/logos/prefect-logo-mark-gradient.png"  # type: ignore[assignment]
    _documentation_url = "https://docs.docker.com/reference/api/engine/"  # type: ignore[assignment]
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    _no_mask = no_mask

    sudo: Literal["auto", "always", "never"] = Field(
        default="auto",
        title="Use sudo",
        description="Whether docker is called with sudo; auto tries without first, then with.",
    )
    registry: str = Field(
        default="",
        title="Registry",
        description="Address of the registry that the login is for; empty means Docker Hub.",
    )
    registry_user: str = Field(
        default="", title="Registry user", description="User at the registry; empty pulls without a login."
    )
    registry_password: SecretStr = Field(
        default=SecretStr(""),
        title="Registry password",
        description="Password or access token of the registry user.",
    )
    timeout: float = Field(
        default=60,
        gt=0,
        title="Time-out (s)",
        description="Longest wait for one answer of the Docker engine.",
    )
    silence_timeout: float = Field(
        default=300,
        gt=0,
        title="Longest silence (s)",
        description="How long a running pull may say nothing before the connection counts as dead.",
    )
    pull_timeout: float = Field(
        default=1800, gt=0, title="Pull time-out (s)", description="Longest time for pulling one image."
    )

    @contextmanager
    def get_client(self, ssh: SshClient) -> Iterator[docker.DockerClient]:
        """Docker's own client, spoken over channels of this SSH connection.

        Raises our errors for whatever it raises in the `with`: `Unreachable` (engine down, link broken),
        `AccessDenied` (no right to use docker), `CommandFailed` (docker is not installed), `APIError`.
        """
        where = f"Docker engine of {ssh.where}"
        with translated(where, "the Docker API", self.registry_password.get_secret_value()):
            client = self._connect(ssh)
            try:
                yield client
            finally:
                client.close()

    def _connect(self, ssh: SshClient) -> docker.DockerClient:
        if self.sudo != "auto":
            return self._open(ssh, self.sudo == "always")
        try:
            return self._open(ssh, False)
        except AccessDenied:
            return self._open(ssh, True)

    def _open(self, ssh: SshClient, sudo: bool) -> docker.DockerClient:
        adapter = ChannelAdapter(lambda: ssh.open_command(_DIAL, sudo=sudo), longest_silence=self.silence_timeout)
        try:
            version = _agreed_version(adapter, self.timeout)
        except requests.ConnectionError:
            adapter.close()
            _explain(ssh, sudo)
            raise
        client = docker.DockerClient(base_url=_ADDRESS, version=version, timeout=self.timeout)  # type: ignore[arg-type]
        client.api.mount("http://", adapter)
        client.api.trust_env = False  # the worker's proxies and netrc are for other hosts, and are read at every call
        return client

    def ports_in(self, ssh: SshClient, container: str) -> OpenPort:
        """Opens ports inside a container that has no network: each stream is a `docker exec` of this connection."""
        sudo = self.sudo == "always" or (self.sudo == "auto" and ssh.run(_ASK, check=False).exit_code != 0)
        words = ("docker", "exec", "-i", container, "bash", "-c", _JOIN, "127.0.0.1")
        return lambda port: ssh.open_command((*words, str(port)), sudo=sudo)

    def pull(self, client: docker.DockerClient, reference: str) -> Iterator[PullProgress]:
        """Pull an image, telling each step; raises when it is not there, refused, broken off or too slow."""
        registry = registry_of(reference)
        where, tried = f"registry {registry or 'Docker Hub'}", f"pulling {reference}"
        deadline, login = time.monotonic() + self.pull_timeout, self._login(registry)
        if login:
            refuse_if_rejected(where, self.registry_user, self.registry_password)
        try:
            with translated(where, tried, self.registry_password.get_secret_value()):
                # An empty login, not none: docker-py would go and read this machine's own docker logins.
                lines = client.api.pull(reference, stream=True, decode=True, auth_config=login)
                for line in lines:
                    yield from self._progress(where, tried, line)
                    if time.monotonic() > deadline:
                        hint = "Raise the pull time-out; layers that are complete need not be pulled again."
                        raise APIError(where, tried, f"not done after {self.pull_timeout:g} s", hint)
        except AccessDenied as error:
            # "pull access denied" is also said of an image that does not exist, and is no verdict on the login.
            if login and "pull access denied" not in error.answer:
                remember_rejected(where, self.registry_user, self.registry_password)
            raise

    def _login(self, registry: str) -> dict[str, str]:
        """The login, for the registry that it is for and no other."""
        if not self.registry_user or registry != registry_of(f"{self.registry}/image"):
            return {}
        password, server = self.registry_password.get_secret_value(), registry or _DOCKER_HUB
        return {"username": self.registry_user, "password": password, "serveraddress": server}

    def _progress(self, where: str, tried: str, line: dict[str, Any]) -> Iterator[PullProgress]:
        if "error" in line:
            secret = self.registry_password.get_secret_value()
            answer = str(line["error"])
            raise refused(where, tried, answer.replace(secret, "***") if secret else answer)
        detail = line.get("progressDetail")
        if detail is not None and "id" in line:
            yield PullProgress(line["id"], line["status"], detail.get("current", 0), detail.get("total", 0))


def registry_of(reference: str) -> str:
    """The registry that an image's reference names; "" is Docker Hub, under whichever of its names."""
    first, slash, _ = reference.removeprefix("https://").partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return "" if not named or first in ("docker.io", "index.docker.io", "registry-1.docker.io") else first


def _agreed_version(adapter: ChannelAdapter, timeout: float) -> str:
    """The newest API version that both sides speak.

    The engine is asked without a version in the path: Docker 29 refuses every version below 1.44.
    """
    session = requests.Session()  # not closed: that would close the adapter, which the client goes on with
    session.trust_env = False
    session.mount("http://", adapter)
    answer = session.get(f"{_ADDRESS}/version", timeout=timeout)
    answer.raise_for_status()
    facts = answer.json()
    newest = min(facts["ApiVersion"], DEFAULT_DOCKER_API_VERSION, key=_number)
    return str(max(newest, facts.get("MinAPIVersion", MINIMUM_DOCKER_API_VERSION), key=_number))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _explain(ssh: SshClient, sudo: bool) -> None:
    """Find out why nobody answered behind `docker system dial-stdio`; raises what it finds, if anything."""
    answer = ssh.run(_ASK, sudo=sudo, check=False)
    said = (answer.stderr or answer.stdout).strip() or "no output"
    where, tried = ssh.where, f"`{'sudo ' if sudo else ''}docker version`"
    if answer.exit_code == 0:
        return
    if answer.exit_code == 127 or "command not found" in said:
        hint = "Docker is not installed; the vendor's script installs it, or see Docker's own guide for Ubuntu."
        raise CommandFailed(where, tried, said, hint, 127)
    if "permission denied" in said.lower():
        hint = "Put the account into the group docker, or allow it sudo without a password."
        raise AccessDenied(where, tried, said, hint)
    if "docker daemon" in said.lower():
        raise Unreachable(where, tried, said, "Start the engine (sudo systemctl start docker) and look at its log.")
    raise CommandFailed(where, tried, said, "Try the command on the server.", answer.exit_code)
