"""A PostgreSQL of Debian's for one test: a cluster of its own on loopback, ended with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sandbox.prefect_server import free_port

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nowhere"))
PASSWORD = "only on loopback"


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """Make and start it in the folder; yields the address by which a Prefect server reaches it."""
    port, data, password = free_port(), folder / "data", folder / "password"
    password.write_text(PASSWORD)
    if os.geteuid() == 0:  # it refuses to run as root
        for path in (folder, password):
            shutil.chown(path, "postgres")
    _run("initdb", "-D", data, "-A", "scram-sha-256", "-U", "postgres", f"--pwfile={password}")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    _run("pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        yield f"postgresql+asyncpg://postgres:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/postgres"
    finally:
        _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(program: str, *words: object) -> None:
    argv = [*(["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []), str(PROGRAMS / program)]
    subprocess.run([*argv, *map(str, words)], cwd="/", check=True, stdout=subprocess.DEVNULL)
