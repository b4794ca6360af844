"""A real ClickHouse server on a data folder of a test, without Docker around it."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sandbox.clickhouse import ensure_engine
from tests.sandbox.containers import HERE, PYTHON, Child
from tests.sandbox.docker_database import write_configuration
from tests.sandbox.prefect_server import free_port


class Server:
    """A server that runs on a folder; `ask` sends one statement."""

    def __init__(self, port: int, child: Child) -> None:
        self.port, self._child = port, child

    def ask(self, sql: str) -> str:
        """The answer's text without its last line end."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", data=sql.encode(), timeout=30) as answer:
            text: str = answer.read().decode()
        return text.rstrip("\n")

    def rows(self, tables: list[str]) -> dict[str, str]:
        """How many rows each table has."""
        return {table: self.ask(f"SELECT count() FROM {table}") for table in tables}

    def wait(self) -> None:
        """Until it answers and has loaded everything."""
        loading = "SELECT count() FROM system.asynchronous_loader WHERE status NOT IN ('OK', 'FAILED', 'CANCELED')"
        for _ in range(2400):
            try:
                if self.ask(loading) == "0":
                    return
            except OSError:
                assert self._child.wait(0) is None, "the server ended"
            time.sleep(0.05)
        raise AssertionError("the server does not answer")


@contextmanager
def server_on(folder: Path, version: str = "25.8") -> Iterator[Server]:
    """A server on `folder/clickhouse/data` until the end of the block; it ends as `docker stop` lets it end."""
    data, log, own = folder / "clickhouse" / "data", folder / "clickhouse" / "log", folder.parent / "container"
    for place in (data, log, own):
        place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = write_configuration(own, data, log, port, version, {})
    child = Child(
        [*PYTHON, str(HERE / "docker_run_clickhouse.py"), str(ensure_engine(version)), str(config)],
        own,
    )
    try:
        server = Server(port, child)
        server.wait()
        yield server
    finally:
        assert child.end(30) == 0, (own / "output.log").read_text()[-800:]
