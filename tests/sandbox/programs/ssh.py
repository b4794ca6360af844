"""`ssh` of a host in the sandbox: really signs in at another host of it, with $HOME/.ssh/id_rsa and known_hosts.

<root>/etc/sandbox-hosts says where an address really listens: `192.168.1.26 127.0.0.1 40022` a line. Run with
`python -I -S`: only paramiko is imported. Exit code: the remote command's, 255 when ssh itself fails.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

sys.path.append(os.environ["SANDBOX_LIBRARY"])
sys.modules["invoke"] = None  # type: ignore[assignment]  # paramiko can do without, and it takes a third of the start

import paramiko  # noqa: E402

WITH_VALUE = "bcDEeFIiJLlmOopQRSWw"
ADDRESS_MARK = "|1|"  # a hashed name in known_hosts
CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
{0}.
Host key for {1} has changed and you have requested strict checking."""


def stop(*lines: str) -> NoReturn:
    """End as ssh does when it fails itself."""
    print(*lines, sep="\n", file=sys.stderr)
    sys.stderr.flush()
    os._exit(255)


class Call:
    """The command line: options by lower-case name, user, host as typed, port, key file and remote command."""

    def __init__(self, words: list[str]) -> None:
        self.options: dict[str, str] = {}
        self.user, self.port, self.identity = os.environ.get("USER", ""), 22, "~/.ssh/id_rsa"
        words = list(words)
        host = ""
        while words and not host:
            word = words.pop(0)
            if word == "--" or not word.startswith("-"):
                host = words.pop(0) if word == "--" else word
            else:
                self._letters(word[1:], words)
        if not host:
            stop("usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-o option] [-p port] destination [command [argument ...]]")
        *user, self.host = host.removeprefix("ssh://").rsplit("@", 1)
        self.user = user[0] if user else self.user
        # What the shell moved below our own root names a place on the other host.
        self.command = " ".join(words).replace(os.environ["SANDBOX_ROOT"], "")

    def _letters(self, letters: str, words: list[str]) -> None:
        for at, letter in enumerate(letters):
            if letter in WITH_VALUE:
                return self._option(letter, letters[at + 1 :] or words.pop(0))
            self.options[f"-{letter}"] = "yes"
        return None

    def _option(self, letter: str, value: str) -> None:
        if letter == "p":
            self.port = int(value)
        elif letter == "l":
            self.user = value
        elif letter == "i":
            self.identity = value
        elif letter == "o":
            name, _, setting = value.replace(" ", "=", 1).partition("=")
            self.options.setdefault(name.strip().lower(), setting.strip())

    def known_as(self) -> str:
        """The name under which known_hosts keeps the host."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def file(self, path: str) -> Path:
        """A path with `~` for the user's home."""
        return Path(path.replace("~", os.environ["HOME"], 1) if path.startswith("~") else path)


def connect(call: Call) -> socket.socket:
    """A connection to where the host really listens; an address that the sandbox does not know is not reached."""
    table = Path(os.environ["SANDBOX_ROOT"], "etc/sandbox-hosts")
    rows = (line.split() for line in table.read_text().splitlines()) if table.exists() else iter(())
    place = next(((row[1], int(row[2])) for row in rows if row[:1] == [call.host]), None)
    if place is None and call.host in ("127.0.0.1", "localhost"):
        place = (call.host, call.port)
    failed = f"ssh: connect to host {call.host} port {call.port}: "
    if place is None:
        stop(failed + "No route to host")
    try:
        connection = socket.create_connection(place, timeout=float(call.options.get("connecttimeout", 30)))
    except OSError as error:
        stop(failed + ("Connection timed out" if isinstance(error, TimeoutError) else "Connection refused"))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def names_host(pattern: str, name: str) -> bool:
    """Whether the first field of a known_hosts line means this host."""
    if not pattern.startswith(ADDRESS_MARK):
        return name in pattern.split(",")
    salt, digest = (base64.b64decode(part) for part in pattern.split("|")[2:4])
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def check_host_key(call: Call, key: paramiko.PKey) -> None:
    """Compare with known_hosts, as strictly as StrictHostKeyChecking says."""
    file = call.file(call.options.get("userknownhostsfile", "~/.ssh/known_hosts"))
    lines = [line.split() for line in (file.read_text().splitlines() if file.exists() else [])]
    known = [
        row[2] for row in lines if len(row) > 2 and row[1] == key.get_name() and names_host(row[0], call.known_as())
    ]
    if key.get_base64() in known:
        return
    strict = call.options.get("stricthostkeychecking", "ask")
    if known and strict not in ("no", "off"):
        stop(CHANGED.format(key.fingerprint, call.known_as()), "Host key verification failed.")
    if strict == "yes":
        stop(
            f"No ED25519 host key is known for {call.known_as()} and you have requested strict checking.",
            "Host key verification failed.",
        )
    if strict == "ask" and not asked(f"The authenticity of host '{call.known_as()}' can't be established.", call):
        stop("Host key verification failed.")
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with file.open("a") as out:
        out.write(f"{call.known_as()} {key.get_name()} {key.get_base64()}\n")
    print(
        f"Warning: Permanently added '{call.known_as()}' (ED25519) to the list of known hosts.",
        file=sys.stderr,
    )


def asked(question: str, call: Call) -> bool:
    """Ask yes or no on the terminal, when there is one and it may be asked."""
    if call.options.get("batchmode") == "yes":
        return False
    try:
        with open("/dev/tty", "r+b", buffering=0) as terminal:  # noqa: PTH123 - a device
            terminal.write(
                f"{question}\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ".encode()
            )
            return terminal.readline().strip() == b"yes"
    except OSError:
        return False


def sign_in(call: Call, transport: paramiko.Transport) -> None:
    """Sign in with the key; a password is never asked for, because nobody is there to type it."""
    identity = call.file(call.identity)
    try:
        if identity.exists():
            return transport.auth_publickey(call.user, paramiko.RSAKey.from_private_key_file(str(identity))) and None
    except paramiko.SSHException:
        pass
    stop(f"{call.user}@{call.host}: Permission denied (publickey,password).")


def pass_on(call: Call, channel: paramiko.Channel) -> int:
    """Run the command, stdin, stdout and stderr as they come; the exit code."""
    channel.exec_command(call.command)

    def feed() -> None:
        while "-n" not in call.options and (data := os.read(0, 65536)):
            channel.sendall(data)
        channel.shutdown_write()

    def drain_errors() -> None:
        while data := channel.recv_stderr(65536):
            os.write(2, data)

    threading.Thread(target=feed, daemon=True).start()
    errors = threading.Thread(target=drain_errors, daemon=True)
    errors.start()
    while data := channel.recv(65536):
        os.write(1, data)
    errors.join()
    code = channel.recv_exit_status()
    if code == -1:  # no exit code: the link broke, or the command was killed
        stop(f"Connection to {call.host} closed by remote host.")
    return code


def main() -> None:
    """Connect, check the host, sign in, run."""
    call = Call(sys.argv[1:])
    if "-V" in call.options:
        stop("OpenSSH_9.6p1 Ubuntu-3ubuntu13.14, OpenSSL 3.0.13 30 Jan 2024")
    transport = paramiko.Transport(connect(call))
    transport.banner_timeout = transport.handshake_timeout = float(call.options.get("connecttimeout", 30))
    try:
        transport.start_client(timeout=transport.banner_timeout)
        check_host_key(call, transport.get_remote_server_key())
        sign_in(call, transport)
        if interval := int(call.options.get("serveraliveinterval", 0)):
            transport.set_keepalive(interval)
        code = pass_on(call, transport.open_session())
    except (paramiko.SSHException, OSError, EOFError) as error:
        word = "timed out" if "imeout" in str(error) else "reset by peer"
        stop(f"Connection {word}: {call.host} port {call.port}")
    sys.stdout.flush()
    os._exit(code)


main()
