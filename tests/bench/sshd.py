"""A real SSH server on loopback for benchmarks: own configuration, own host key, and one key that it lets in."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.bench.delay import Delay
from tests.sandbox.prefect_server import free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")


class Sshd:
    """Listens on `port` of 127.0.0.1 and lets this user in by `key`; `known_hosts` pins it for whoever verifies.

    `environment` is what sessions find; their home is an empty folder, as a .bashrc costs each command some time.
    `within` are words before the program, e.g. of `unshare`.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, within: Sequence[str] = ()) -> None:
        if SSHD is None:
            raise SystemExit("There is no sshd: apt-get install openssh-server openssh-client")
        self._environment, self._within = dict(environment or {}), tuple(within)
        self.user, self.port = getpass.getuser(), free_port()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-sshd-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self.key, self.known_hosts = folder / "key", folder / "known_hosts"
        for name in ("key", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        self.host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        self.know(self.port)
        (folder / "home").mkdir()
        self._log = folder / "log"
        (folder / "config").write_text(self._config(folder))
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd will not start without it
        words = [*self._within, str(SSHD), "-D", "-e", "-f", str(folder / "config")]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=self._log.open("w"))
        self._wait()
        return self

    def __exit__(self, *problem: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Of the server; what it started for its sessions lies below it."""
        return self._process.pid

    def know(self, port: int) -> None:
        """Pin the host key also for this port of a proxy before it."""
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {self.host_key}\n")

    def behind(self, milliseconds: float) -> Delay:
        """The same server, so much round trip farther away; a context manager with a `port` that is pinned, too."""
        return Delay(self.port, milliseconds, self.know)

    def _config(self, folder: Path) -> str:
        variables = {"HOME": str(folder / "home"), **self._environment}
        lines = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": folder / "host_key",
            "AuthorizedKeysFile": folder / "key.pub",
            "PidFile": "none",
            # The key lies below /tmp, which sshd calls unsafe; and no PAM: nothing of this machine's sign-ins counts.
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "UseDNS": "no",
            "MaxStartups": 200,
            "MaxSessions": 100,
            "Subsystem": "sftp internal-sftp",
            "SetEnv": " ".join(f'"{name}={value}"' for name, value in variables.items()),
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while "Server listening" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"sshd did not start: {self._log.read_text()}")
            time.sleep(0.02)
