"""The SSH server of a host in the sandbox: sign-in, commands, SFTP and direct-tcpip on 127.0.0.1.

Commands behave as under OpenSSH: the exit code goes out when the command ends, the channel closes when nobody holds
its output any more, and a command whose connection is lost is not killed, only its pipes are closed.
"""

from __future__ import annotations

import hmac
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import paramiko

from tests.sandbox import paths, ssh_command
from tests.sandbox.sftp import Files

if TYPE_CHECKING:
    from tests.sandbox.host import Host

CHANNEL_SUCCESS = b"\x63"
"""The message that says yes to a request (RFC 4254, 99)."""
_LOG = logging.getLogger("sandbox.sshd")  # a broken connection is part of the play: nothing of it is printed
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class SshServer:
    """Listens on a free port of 127.0.0.1 (`port`) and serves the host's tree."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transports: set[paramiko.Transport] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"sshd-{host.name}", daemon=True).start()

    def close(self) -> None:
        """End listening and every connection; what commands started goes on, as under a real sshd."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in tuple(self._transports):
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = Transport(connection)
        transport.set_log_channel(_LOG.name)
        transport.local_version = "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.14"
        transport.add_server_key(self._host.key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files, self._host)
        session = Session(self._host, transport)
        self._transports.add(transport)
        try:
            transport.start_server(server=session)
            kept: list[paramiko.Channel] = []  # paramiko forgets a channel that nobody refers to
            while transport.is_active():
                if channel := transport.accept(1):
                    kept = [other for other in kept if not other.closed] + [channel]
                    session.start_forwarding(channel)
        except (paramiko.SSHException, EOFError, OSError):
            pass  # the client went away or does not speak SSH
        finally:
            transport.close()
            self._transports.discard(transport)


class Transport(paramiko.Transport):
    """Starts a command once the client was told that it will run, as a real sshd does.

    Started at once, a short command can close its channel before that answer: "Channel closed", on a busy machine only.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.commands: dict[int, threading.Thread] = {}

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        told = data.asbytes()
        if told[:1] == CHANNEL_SUCCESS and (command := self.commands.pop(int.from_bytes(told[1:5], "big"), None)):
            command.start()


class Session(paramiko.ServerInterface):
    """What one connection may do."""

    def __init__(self, host: Host, transport: Transport) -> None:
        self._host, self._transport = host, transport
        self._forwarded: dict[int, tuple[tuple[str, int], socket.socket]] = {}

    def get_allowed_auths(self, username: str) -> str:
        """Public key, and password unless the host takes keys only."""
        return "publickey,password" if self._host.password_sign_in else "publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        """Compare user and password; every try is remembered."""
        same = hmac.compare_digest(password.encode(), self._host.password.encode())
        return self._signed_in(username, "password", same and self._host.password_sign_in)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Look the key up in authorized_keys as it is now; one that others may write counts for nothing."""
        file = self._host.path(f"/home/{self._host.user}/.ssh/authorized_keys")
        known = False
        with suppress(OSError):
            safe = not any(place.stat().st_mode & 0o022 for place in (file, file.parent))
            known = safe and key.get_base64() in file.read_text().split()
        return self._signed_in(username, "publickey", known)

    def _signed_in(self, username: str, method: str, right: bool) -> int:
        right = right and username == self._host.user
        if self._host.ends_at_sign_in:
            self._transport.close()
        self._host.sign_ins.append((username, method, right))
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Sessions only."""
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_pty_request(self, *_: object) -> bool:
        """Taken, and nothing comes of it: commands run on pipes."""
        return True

    def check_channel_env_request(self, *_: object) -> bool:
        """Refused, as sshd does by default."""
        return False

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Run a command."""
        words = (self._host, channel, command.decode())
        self._transport.commands[channel.remote_chanid] = threading.Thread(
            target=ssh_command.run, args=words, daemon=True
        )
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        """Connect from the host, unless forwarding is switched off."""
        if not self._host.forwarding:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            far = socket.create_connection(paths.reached(self._host.reach, *destination), timeout=5)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        far.settimeout(None)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._forwarded[chanid] = (destination, far)
        return paramiko.OPEN_SUCCEEDED

    def start_forwarding(self, channel: paramiko.Channel) -> None:
        """Pass bytes between an accepted channel and its connection, if it is a forwarded one."""
        if there := self._forwarded.pop(channel.get_id(), None):
            destination, far = there
            note = partial(_note, self._host, destination)
            threading.Thread(target=_up, args=(channel, far, note), daemon=True).start()
            threading.Thread(target=_down, args=(channel, far), daemon=True).start()


def _note(host: Host, destination: tuple[str, int], data: bytes) -> None:
    host.forwarded.append((destination, data))


def _up(channel: paramiko.Channel, far: socket.socket, note: Callable[[bytes], None]) -> None:
    with suppress(OSError):
        while data := channel.recv(65536):
            note(data)
            far.sendall(data)
        far.shutdown(socket.SHUT_WR)


def _down(channel: paramiko.Channel, far: socket.socket) -> None:
    with suppress(OSError, EOFError):
        while data := far.recv(65536):
            channel.sendall(data)
    with suppress(OSError, EOFError):
        channel.close()
    with suppress(OSError):
        far.shutdown(socket.SHUT_RDWR)
    far.close()
