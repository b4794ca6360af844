"""What can be done on a host once signed in: run, read, write atomically, open a port, open a command."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple

import paramiko
from pydantic import SecretStr

from blocks.errors import AccessDenied, CommandFailed, Unreachable
from blocks.rejected import refuse_if_rejected, remember_rejected

_NO_FILE = 44
_SUDO_WRONG = re.compile(r"incorrect password|Sorry, try again", re.IGNORECASE)
_SUDO_REFUSED = re.compile(
    r"password is required|not in the sudoers|may not run sudo|not allowed to execute", re.IGNORECASE
)


class Answer(NamedTuple):
    """What a command came back with."""

    exit_code: int
    stdout: str
    stderr: str


@contextmanager
def translated(where: str, tried: str) -> Iterator[None]:
    """Turn what paramiko and the socket raise into our errors; the one place where SSH errors are mapped."""
    try:
        yield
    except (paramiko.AuthenticationException, paramiko.BadHostKeyException) as error:
        if not answered(error):
            hint = "The SSH server did not judge the sign-in; check that it is up and not overloaded."
            raise Unreachable(where, tried, str(error), hint) from error
        hint = (
            "Check user, password or key in the block; a rejected password is not sent again until the block changes."
        )
        raise AccessDenied(where, tried, str(error), hint) from error
    except paramiko.ChannelException as error:
        if error.code == 1:
            hint = "The SSH server forbids it: allow AllowTcpForwarding in its sshd_config."
            raise AccessDenied(where, tried, error.text, hint) from error
        raise Unreachable(where, tried, error.text, "Check that the service listens there.") from error
    except (paramiko.SSHException, paramiko.ssh_exception.ConfigParseError, EOFError, OSError) as error:
        hint = "Check that the host is up, the address and port are right, and no firewall is between."
        raise Unreachable(where, tried, str(error) or type(error).__name__, hint) from error


def answered(error: paramiko.SSHException) -> bool:
    """Whether the server judged the sign-in; paramiko says "failed" too when the connection ends or nothing comes."""
    return not any(words in str(error) for words in ("shut down or saw EOF", "Authentication timeout"))


class SshClient:
    """One signed-in connection; every call opens a channel of its own and has a deadline."""

    def __init__(self, where: str, transport: paramiko.Transport, sudo_password: SecretStr, timeout: float) -> None:
        self.where = where
        self._transport, self._sudo_password, self._timeout = transport, sudo_password, timeout

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as this side knows."""
        return self._transport.is_active()

    @property
    def host_key(self) -> str:
        """The host's (pinned and checked) public key, as known_hosts has it: type and base64."""
        key = self._transport.get_remote_server_key()
        return f"{key.get_name()} {key.get_base64()}"

    @property
    def local_address(self) -> str:
        """Our own address on this connection, as the host's network sees it before any translation."""
        address = self._transport.sock.getsockname() if hasattr(self._transport.sock, "getsockname") else ("",)
        return str(address[0]) if isinstance(address, tuple) else ""

    def run(
        self,
        command: Sequence[str] | str,
        *,
        sudo: bool = False,
        stdin: str = "",
        check: bool = True,
        timeout: float | None = None,
    ) -> Answer:
        """Run a command (argv, or shell text) and wait for its end.

        Raises `CommandFailed` for a non-zero exit code unless `check` is off, `Unreachable` when the deadline
        passes or the link breaks (the command may go on over there), `AccessDenied` when sudo refuses.
        """
        argv = ["bash", "-c", command] if isinstance(command, str) and sudo else command
        text = argv if isinstance(argv, str) else shlex.join(argv)
        tried = f"`{shlex.join(command) if not isinstance(command, str) else command.strip()}`"[:200]
        with translated(self.where, tried):
            answer = self._exchange(self._sudo(text) if sudo else text, self._stdin(stdin, sudo), timeout)
        if sudo:
            self._refuse_bad_sudo(tried, answer)
        if check:
            self._check(tried, answer)
        return answer

    def _check(self, tried: str, answer: Answer) -> None:
        if answer.exit_code != 0:
            last = "\n".join((answer.stderr or answer.stdout).strip().splitlines()[-5:])
            hint = f"The command ended with exit code {answer.exit_code}."
            raise CommandFailed(self.where, tried, last or "no output", hint, answer.exit_code)

    def lines(self, command: Sequence[str], *, timeout: float) -> Iterator[str]:
        """What a command prints, line by line as it comes, until it ends.

        Raises `Unreachable` when the link breaks or no line comes for `timeout` seconds, `CommandFailed` as `run` does.
        """
        tried = f"`{shlex.join(command)}`"[:200]
        with translated(self.where, tried), closing(self.open_command(command)) as channel:
            channel.settimeout(timeout)
            channel.shutdown_write()
            yield from channel.makefile("r", 65536)
            said = channel.makefile_stderr("rb").read().decode(errors="replace")
            answer = Answer(self._exit_code(channel, time.monotonic() + timeout), "", said)
        self._check(tried, answer)

    def read(self, path: str, *, sudo: bool = False) -> str | None:
        """The text of a file; `None` when there is no such file."""
        quoted = shlex.quote(path)
        answer = self.run(f"test -e {quoted} || exit {_NO_FILE}; cat {quoted}", sudo=sudo, check=False)
        if answer.exit_code == _NO_FILE:
            return None
        if answer.exit_code != 0:
            hint = "Check the rights of the account on this file."
            raise CommandFailed(self.where, f"reading {path}", answer.stderr.strip(), hint, answer.exit_code)
        return answer.stdout

    def write(self, path: str, text: str, *, mode: int = 0o600, sudo: bool = False) -> None:
        """Write a file atomically: readers see the old text or the new one, never a half."""
        target, length = shlex.quote(path), len(text.encode())
        # A link that is cut in the middle ends the input early, which `cat` cannot tell from the end.
        whole = f'[ "$(wc -c < "$t")" = {length} ] && chmod {mode:o} "$t" && mv -f "$t" {target}'
        script = f'umask 077; t={target}.new.$$; cat > "$t" && {whole} || {{ rm -f "$t"; exit 1; }}'
        self.run(script, stdin=text, sudo=sudo)

    def open_port(self, port: int, host: str = "127.0.0.1") -> paramiko.Channel:
        """A stream to a port as seen from the host; nothing listens on this machine, so nobody else can use it."""
        with translated(self.where, f"forwarding to {host}:{port}"):
            return self._transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=self._timeout)

    def open_command(self, argv: Sequence[str], *, sudo: bool = False) -> paramiko.Channel:
        """A command whose standard input and output are the stream, for protocols such as Docker's."""
        text = shlex.join(argv)
        with translated(self.where, f"`{text}`"):
            channel = self._transport.open_session(timeout=self._timeout)
            channel.exec_command(self._sudo(text) if sudo else text)
            if preamble := self._stdin("", sudo):
                channel.sendall(preamble)
            return channel

    def _sudo(self, text: str) -> str:
        if not self._sudo_password.get_secret_value():
            return f"sudo -n {text}"
        # The password travels on standard input only, and only to a sudo that reads it: one that asks for none would
        # leave it to the command's own input, and one that refused it would take the next lines for more attempts.
        # So it is tried alone first. `-k` leaves remembered sign-ins out of it.
        say, ask = "printf '%s\\n' \"$p\"", "sudo -k -S -p ''"
        asked = f"if {say} | {ask} true; then {{ {say}; cat; }} | {ask} {text}; else exit 1; fi"
        return f"IFS= read -r p; if sudo -k -n true 2>/dev/null; then unset p; sudo -n {text}; else {asked}; fi"

    def _stdin(self, text: str, sudo: bool) -> bytes:
        password = self._sudo_password.get_secret_value() if sudo else ""
        if password:
            refuse_if_rejected(f"sudo on {self.where}", "sudo", self._sudo_password)
        return (f"{password}\n{text}" if password else text).encode()

    def _refuse_bad_sudo(self, tried: str, answer: Answer) -> None:
        if answer.exit_code == 0:
            return
        if self._sudo_password.get_secret_value() and _SUDO_WRONG.search(answer.stderr):
            remember_rejected(f"sudo on {self.where}", "sudo", self._sudo_password)
        elif not _SUDO_REFUSED.search(answer.stderr):
            return
        hint = "Allow the account sudo without a password (visudo: NOPASSWD), or give the block the sudo password."
        raise AccessDenied(self.where, f"sudo {tried}", answer.stderr.strip().splitlines()[-1], hint)

    def _exchange(self, text: str, stdin: bytes, timeout: float | None) -> Answer:
        deadline = time.monotonic() + (timeout or self._timeout)
        channel = self._transport.open_session(timeout=timeout or self._timeout)
        try:
            channel.settimeout(timeout or self._timeout)
            channel.exec_command(text)
            channel.sendall(stdin)
            channel.shutdown_write()
            stdout = b"".join(_chunks(channel, channel.recv, deadline))
            stderr = b"".join(_chunks(channel, channel.recv_stderr, deadline))
            code = self._exit_code(channel, deadline)
            return Answer(code, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
        finally:
            channel.close()

    def _exit_code(self, channel: paramiko.Channel, deadline: float) -> int:
        if not channel.status_event.wait(_left(deadline)):
            raise TimeoutError("no exit code before the deadline")
        if channel.exit_status == -1 and not self._transport.is_active():
            raise EOFError("the connection broke before the command's end")
        return channel.exit_status


def _chunks(channel: paramiko.Channel, receive: Callable[[int], bytes], deadline: float) -> Iterator[bytes]:
    while True:
        channel.settimeout(_left(deadline))
        chunk = receive(65536)
        if not chunk:
            return
        yield chunk


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer before the deadline")
    return left
