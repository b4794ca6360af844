"""A Linux host reached by SSH: pinned key, one sign-in, one connection, many channels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.host_key import check
from blocks.mask import no_mask
from blocks.pem import repair_pem
from blocks.rejected import refuse_if_rejected, remember_rejected
from blocks.ssh_client import SshClient, answered, translated
from blocks.ssh_connection import connect, hang_up


class SshHost(Block):
    """Sign-in to one Linux host of the cluster (`pbx01` or the Data Flow server).

    Example:
        Load a saved host and run a command on it:
        ```python
        from blocks.ssh import SshHost

        host = SshHost.load("BLOCK_NAME")
        with host.get_client() as ssh:
            print(ssh.run(["uname", "-r"]).stdout)
        ```
    """

    _block_type_name = "SSH Host"
    _block_type_slug = "ssh-host"
    _logo_url = "https://raw.githubusercontent.com/PrefectHQ/prefect/main/docs/logos/prefect-logo-mark-gradient.png"  # type: ignore[assignment]
    _documentation_url = "https://www.portsip.com/docs/"  # type: ignore[assignment]
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    _no_mask = no_mask

    host: str = Field(title="Address", description="IP address or name under which this machine reaches the host.")
    port: int = Field(default=22, ge=1, le=65535, title="SSH port", description="Port of the SSH server, usually 22.")
    user: str = Field(
        default="pbx",
        title="User",
        description="Linux account; the guide wants the same account and password on every server.",
    )
    password: SecretStr = Field(
        default=SecretStr(""),
        title="Password",
        description="Password of the account; leave empty to sign in with a private key.",
    )
    private_key: SecretStr = Field(
        default=SecretStr(""),
        title="Private key",
        description="Private key in PEM or OpenSSH form; leave empty to sign in with the password.",
    )
    passphrase: SecretStr = Field(
        default=SecretStr(""), title="Passphrase", description="Passphrase of the private key, if it has one."
    )
    host_key: str = Field(
        default="",
        title="Host key",
        description="Pinned key of the host: 'ssh-ed25519 AAAA…' or 'SHA256:…', several on lines of their own. "
        "Any other key is refused, and the refusal shows what to enter here.",
    )
    sudo_password: SecretStr = Field(
        default=SecretStr(""),
        title="sudo password",
        description="Password for sudo where it asks for one; leave empty where sudo works without.",
    )
    connect_timeout: float = Field(
        default=10,
        gt=0,
        le=120,
        title="Connect time-out (s)",
        description="Seconds to wait for a connection, 1 to 120.",
    )
    command_timeout: float = Field(
        default=60,
        gt=0,
        le=3600,
        title="Command time-out (s)",
        description="Seconds to wait for one command, up to 3600.",
    )

    @property
    def where(self) -> str:
        """The host's name in messages."""
        return self.host if self.port == 22 else f"{self.host}:{self.port}"

    @contextmanager
    def get_client(self, *, name: str = "", through: SshClient | None = None) -> Iterator[SshClient]:
        """Sign in once and yield the client; `through` another host where there is no direct way.

        Raises `Unreachable`, or `AccessDenied` for a wrong host key, password or key.
        """
        where = f"{name} ({self.where})" if name else self.where
        with translated(where, "connecting by SSH"):
            transport = connect(self.host, self.port, self.connect_timeout, through)
        try:
            check(where, transport.get_remote_server_key(), self.host_key)
            with translated(where, f"signing in by SSH as {self.user}"):
                self._sign_in(transport, where)
            yield SshClient(where, transport, self.sudo_password, self.command_timeout)
        finally:
            hang_up(transport)

    def _sign_in(self, transport: paramiko.Transport, where: str) -> None:
        # One attempt by one method: no agent, no key search, so that a wrong block cannot lock an account.
        if self.private_key.get_secret_value():
            transport.auth_publickey(self.user, self._key(where))
            return
        refuse_if_rejected(self.where, self.user, self.password)
        try:
            transport.auth_password(self.user, self.password.get_secret_value(), fallback=False)
        except paramiko.BadAuthenticationType:
            raise  # the server takes no passwords at all: this one was not judged
        except paramiko.AuthenticationException as exc:
            if answered(exc):
                remember_rejected(self.where, self.user, self.password)
            raise

    def _key(self, where: str) -> paramiko.PKey:
        text = io.StringIO(repair_pem(self.private_key.get_secret_value()))
        phrase = self.passphrase.get_secret_value() or None
        return load_key(where, text, phrase)


def load_key(where: str, text: io.StringIO, passphrase: str | None) -> paramiko.PKey:
    """Read a private key of any kind that paramiko knows; raises `AccessDenied` that says what is wrong with it."""
    with translated(where, "reading the private key"):
        last: paramiko.SSHException | None = None
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            text.seek(0)
            try:
                return kind.from_private_key(text, passphrase)
            except paramiko.PasswordRequiredException:
                raise
            except (paramiko.SSHException, ValueError) as error:
                last = paramiko.SSHException(str(error))
        raise paramiko.AuthenticationException(
            f"the private key cannot be read ({last}); wrong passphrase, or not a PEM/OpenSSH key"
        )
