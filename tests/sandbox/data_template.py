"""Data folders that an older installation left: made once by a real engine, kept beside the engines, copied per world.

Making one takes seconds (schema, history, a clean stop), copying it a fraction of a second. The key is everything that
shapes it, so that a changed schema makes a new one; templates that nobody used for a month are removed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from tests.sandbox.clickhouse import WHEELS, cache_folder, one_at_a_time
from tests.sandbox.docker_engine import Engine
from tests.sandbox.prefect_server import free_port

HERE = Path(__file__).parent
SHAPED_BY = ("call_records.sql", "docker_run_dataflow.py", "docker_database.py", "data_template.py")
DATABASE, WRITER = "database", "writer"
UNUSED_FOR = 30 * 86400.0
_BORN = ".born-at"


def copy_template(version: str, rows: int, target: Path) -> None:
    """Fill the folder `target` with the data of a server of this version that holds `rows` call records."""
    template = ensure_template(version, rows)
    shutil.copytree(template, target, symlinks=True, dirs_exist_ok=True)
    born = (target / _BORN).read_text()
    for link in (*target.glob("metadata/*"), *target.glob("data/*/*")):
        # 24.x writes absolute links, which in a copy would lead into the template.
        if link.is_symlink() and (place := os.readlink(link)).startswith(born):  # noqa: PTH115 - keeps a last slash
            link.unlink()
            os.symlink(place.replace(born, str(target), 1), link)  # noqa: PTH211
    (target / _BORN).unlink()
    (target / "uuid").write_text(str(uuid.uuid4()))  # each world has a server of its own


def ensure_template(version: str, rows: int) -> Path:
    """The kept folder, which is made when it is not there yet; several processes may ask at once."""
    folder = cache_folder() / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"clickhouse-{version}-{rows}-{_shape(version)}"
    if not (folder / name).exists():
        with one_at_a_time(folder / f".{name}.lock"):
            if not (folder / name).exists():
                _remove_unused(folder)
                _make(version, rows, folder / name)
    (folder / name).touch()
    return folder / name


def _shape(version: str) -> str:
    texts = [WHEELS[version].version, *(HERE.joinpath(name).read_text() for name in SHAPED_BY)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _make(version: str, rows: int, target: Path) -> None:
    """Let Data Flow make its tables and import the history, stop both cleanly, keep the data."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as name:
        root = Path(name)
        with Engine(root / "host", clickhouse_port=free_port(), history_rows=rows, fastest_check=0.05) as engine:
            for image in (f"portsip/clickhouse:{version}", "portsip/pbx:22"):
                engine.images.load(image)
            _run(engine, DATABASE, f"portsip/clickhouse:{version}", [], ["/data:/var/lib/clickhouse"])
            _run(engine, WRITER, "portsip/pbx:22", ["serve"], [])
            engine.container(WRITER).stop(10)
            engine.container(DATABASE).stop(60)
            if code := engine.container(DATABASE).exit_code:
                raise RuntimeError(f"ClickHouse {version} did not stop cleanly: exit code {code}")
            data = engine.below("/data")
            (data / _BORN).write_text(str(data))
            # A rename within one file system is atomic: whoever looks sees the whole template or none.
            data.rename(target)


def _run(engine: Engine, name: str, image: str, command: list[str], binds: list[str]) -> None:
    check = {"Test": ["CMD", "true"], "Interval": 10**8}
    body = {"Image": image, "Cmd": command, "Healthcheck": check, "HostConfig": {"Binds": binds}}
    container = engine.create(name, body)
    container.start()
    wait_healthy(engine, name, 120)


def wait_healthy(engine: Engine, name: str, seconds: float = 60) -> None:
    """Wait until the container's health check passes."""
    deadline = time.monotonic() + seconds
    container = engine.container(name)
    while container.health is None or container.health.status != "healthy":
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} is not healthy: {container.output.decode(errors='replace')[-1000:]}")
        time.sleep(0.01)


def _remove_unused(folder: Path) -> None:
    for old in folder.glob("clickhouse-*"):
        if time.time() - old.stat().st_mtime > UNUSED_FOR:
            shutil.rmtree(old, ignore_errors=True)
