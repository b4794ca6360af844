"""A host of the sandbox: a folder that behaves like an Ubuntu 24.04 server behind a real SSH server.

with Host("dataflow01", folder, "192.168.1.26", password="…") as host:
    host.answers["nproc"] = "2\\n"                       # what a command answers
    host.write("/run/reboot-required", "")               # a file of the host
    host.link.cut()                                      # the network in front of its SSH server
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import shutil
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.sandbox import processes, tree
from tests.sandbox.answers import Answers
from tests.sandbox.link import Link
from tests.sandbox.ssh_server import SshServer

_GIB = 1024**3
SUDO = ("nopasswd", "password", "none")


class Host:
    """One machine; the context manager makes it, listens, and leaves nothing behind.

    Switches that tests turn while it runs: `sudo`, `forwarding`, `password_sign_in`, `ends_at_sign_in`, `disk_full`,
    `read_only`, `reach`.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        address: str,
        *,
        user: str = "pbx",
        password: str,
        sudo: str = "nopasswd",
        cpus: int = 8,
        memory_gib: int = 32,
        data_disk_gib: int = 512,
        docker_socket: Path | None = None,
        docker_installed: bool = True,
    ) -> None:
        if not re.fullmatch(r"/[\w./-]+", str(root)):
            raise ValueError(f"the folder of a sandbox host must be a plain absolute path, not {root}")
        self.name, self.root, self.address, self.user, self.password = (
            name,
            Path(root),
            address,
            user,
            password,
        )
        self._first_sudo = sudo
        self._sizes = (cpus, memory_gib, data_disk_gib)
        self._docker = (docker_socket, docker_installed)
        self.forwarding = True
        self.password_sign_in = True
        self.ends_at_sign_in = False  # as when the SSH server is stopped while somebody signs in
        self.disk_full = False
        self.read_only: tuple[str, ...] = (
            "/etc",
            "/opt",
            "/root",
            "/proc",
            "/sys",
            "/run",
        )  # for SFTP: not the user's
        self.reach: dict[tuple[str, int], tuple[str, int]] = {}  # (address, port) as the host says it -> where it is
        self.sign_ins: list[tuple[str, str, bool]] = []  # user, method, right
        self.commands: list[str] = []  # as they arrived
        self.forwarded: list[tuple[tuple[str, int], bytes]] = []  # where to, and what was sent there
        self.key = _new_key()

    def __enter__(self) -> Host:
        self.root.mkdir(parents=True)
        tree.plant(self.root, self.user, self._words())
        self.answers = Answers(self.root / "answers", lambda name, on: tree.answer_or_not(self.root, name, on))
        self.answers.load(tree.filled((tree.PROGRAMS / "ubuntu-24.04.session").read_text(), self._words()))
        self.sudo = self._first_sudo
        if self._docker[0] is not None:
            self.install_docker(self._docker[0], installed=self._docker[1])
        self._server = SshServer(self)
        self.link = Link(self._server.port)
        self.ssh_host, self.ssh_port = "127.0.0.1", self.link.port
        return self

    def __exit__(self, *reason: object) -> None:
        self.link.close()
        self._server.close()
        processes.end(self.root)
        for folder, _, _ in os.walk(self.root, onerror=_open_up):  # a folder that a test closed goes too
            Path(folder).chmod(0o700)
        shutil.rmtree(self.root)

    @property
    def host_key(self) -> str:
        """The public host key as known_hosts has it: `ssh-ed25519 AAAA…`."""
        return f"{self.key.get_name()} {self.key.get_base64()}"

    def new_host_key(self) -> None:
        """Be another machine to everyone who connects from now on."""
        self.key = _new_key()

    @property
    def environment(self) -> dict[str, str]:
        """What a command finds in its environment."""
        return {
            "HOME": str(self.path(f"/home/{self.user}")),
            "SANDBOX_ROOT": str(self.root),
            "PATH": str(self.root / "bin"),
            "LANG": "C.UTF-8",
            "USER": self.user,
            "LOGNAME": self.user,
            "HOSTNAME": self.name,
            "SHELL": "/bin/bash",
        }

    @property
    def sudo(self) -> str:
        """How sudo behaves: `nopasswd`, `password` (the user's), or `none` (not in the sudoers file)."""
        return self.path("/etc/sandbox-sudo").read_text().split()[0]

    @sudo.setter
    def sudo(self, mode: str) -> None:
        if mode not in SUDO:
            raise ValueError(f"sudo is one of {', '.join(SUDO)}, not {mode}")
        salt = secrets.token_hex(8)
        digest = hashlib.sha256((salt + self.password).encode()).hexdigest()
        self.write("/etc/sandbox-sudo", f"{mode}\n{salt}\n{digest}\n")

    @property
    def sudo_attempts(self) -> list[str]:
        """Each password that sudo was given: `right` or `wrong`."""
        log = self.path("/var/log/sandbox-sudo")
        return log.read_text().split() if log.exists() else []

    def path(self, path: str) -> Path:
        """Where the host's absolute path really is."""
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """Write a file of the host, with its folders."""
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place

    def know(self, address: str, port: int) -> None:
        """Let `ssh` on this host find the machine with this address at 127.0.0.1:port."""
        file = self.path("/etc/sandbox-hosts")
        rows = [row for row in (file.read_text().splitlines() if file.exists() else []) if row.split()[0] != address]
        self.write("/etc/sandbox-hosts", "".join(f"{row}\n" for row in [*rows, f"{address} 127.0.0.1 {port}"]))

    def install_docker(self, socket: Path, *, installed: bool = True) -> None:
        """Give the host Docker's command line for the engine at `socket`; else only `apt-get install` puts it there."""
        tree.install_docker(self.root, socket, installed=installed)

    def without(self, command: str) -> None:
        """Take a command off the host's PATH."""
        (self.root / "bin" / command).unlink()

    def set_clock(self, seconds: int) -> None:
        """Let the host's clock be ahead (or, negative, behind) by so much."""
        self.write("/etc/sandbox-clock", f"{seconds}\n")

    def fill_disk(self, folder: str, after: int = 0) -> None:
        """Let the host's Python programs find no space below `folder` once they made `after` files or links there."""
        self.write("/etc/sandbox-full-disk", f"{self.path(folder)}\n{after}\n")

    def processes(self) -> list[int]:
        """The process ids of everything that commands of this host started and that still runs."""
        return processes.of(self.root)

    def _words(self) -> dict[str, str]:
        cpus, memory, data_disk = self._sizes
        return {
            "NAME": self.name,
            "USER": self.user,
            "ADDRESS": self.address,
            "CPUS": str(cpus),
            "MEMORY_KIB": str(memory * 1024**2 - 300_000),  # what the kernel keeps is never shown
            "DATA_DISK": str(data_disk * _GIB),
            "DATA_FREE": str(data_disk * _GIB * 9 // 10),
        }


def _open_up(error: OSError) -> None:
    Path(error.filename).chmod(0o700)


def _new_key() -> paramiko.Ed25519Key:
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()
    return paramiko.Ed25519Key(file_obj=io.StringIO(text))
