"""A real Prefect server and worker for a demo or test: own home, loopback, nothing sent anywhere."""

from __future__ import annotations

import base64
import os
import random
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox import prefect_database
from tests.sandbox.demo_processes import DemoFailed, Processes

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port of the loopback address that nobody listens on, and that no connection is given by chance later."""
    while True:
        port = random.randrange(15_000, 32_000)  # below the range of which the kernel takes ports for connections
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def environment(folder: Path, port: int) -> dict[str, str]:
    """The caller's environment with our Prefect instead of his; `folder` marks whatever inherits it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    direct = ",".join(filter(None, [kept.get("NO_PROXY", ""), "127.0.0.1,localhost"]))
    return kept | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # Temporary files of every child lie in our folder, so that they go with it.
        "TMPDIR": str(folder),
        # A proxy of the caller's network must not be asked for loopback addresses.
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONUNBUFFERED": "1",
    }


def ask(http: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
    """The server's answer; 503 says that its database is locked for the moment; Prefect's client repeats too."""
    for pause in (0.2, 0.5, 1.0, 2.0, 5.0, 0.0):
        response = http.request(method, path, json=body)
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(pause)
    return response


class PrefectServer:
    """`prefect server start` in the background; `python` is the interpreter whose Prefect is run.

    It keeps what it knows in the database at this address, or in a file of its own; it can be started again.
    """

    def __init__(self, processes: Processes, python: str = sys.executable, database: str = "") -> None:
        self.processes = processes
        self._only_server = {
            # Else the key of the stored secrets lies in the same database as the secrets.
            "PREFECT_SERVER_ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            # In memory, the default, a concurrency slot is lost when the server restarts.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            # Else the UI has a button "Upgrade", which has nothing to do with ours.
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        } | ({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment(processes.folder, self.port)
        self._own_database = not database and python == sys.executable
        self._prefect = [python, "-m", "prefect", "--no-prompt"]
        # The caller's proxy settings are of no use for loopback; Prefect's database waits up to 60 s for a lock.
        self._http = httpx.Client(base_url=f"{self.url}/api", timeout=120, trust_env=False)

    def start(self) -> None:
        """Start the server and return at once; `wait` tells when it answers."""
        if self._own_database:
            prefect_database.put(Path(self.environment["PREFECT_HOME"], "prefect.db"))
        argv = [*self._prefect, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.processes.start("prefect-server", argv, self.environment | self._only_server)

    def wait(self, seconds: float = 300) -> None:
        """Wait until the server says that it is healthy."""
        end = time.monotonic() + seconds
        while not self._healthy():
            self.processes.check("prefect-server")
            if time.monotonic() > end:
                raise DemoFailed(f"The Prefect server is not healthy after {seconds:.0f} s.")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        try:
            return self._http.get("/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def start_worker(self, pool: str) -> None:
        """Start a process worker for the pool, which must exist."""
        settings = {
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            # So that who looks at the run reads its lines soon after they are written.
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
            # A server that is away for a minute must not fail a run whose work goes on.
            "PREFECT_CLIENT_MAX_RETRIES": "10",
        }
        argv = [*self._prefect, "worker", "start", "--pool", pool, "--type", "process", "--name", "demo"]
        self.processes.start("prefect-worker", argv, self.environment | settings, cwd=ROOT)

    def start_deploy(self, prefect_file: Path) -> None:
        """Start `prefect deploy --all`; `processes.finish("prefect-deploy", …)` waits for it."""
        argv = [*self._prefect, "deploy", "--all", "--prefect-file", str(prefect_file)]
        self.processes.start("prefect-deploy", argv, self.environment, cwd=prefect_file.parent)

    def start_cluster(self, name: str) -> None:
        """Start giving a saved cluster its own deployments; `processes.finish("cluster", …)` waits for it."""
        argv = [self._prefect[0], "-m", "flows.operating.clusters", "add", name]
        self.processes.start("cluster", argv, self.environment, cwd=ROOT)

    def get(self, path: str) -> Any:
        """Read from the API."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send to the API."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        response = ask(self._http, method, path, body)
        if response.is_error:
            answer = f"{response.status_code} {response.text[:500]}"
            raise DemoFailed(f"The Prefect server refused {method} {path}: {answer}")
        return response.json()
