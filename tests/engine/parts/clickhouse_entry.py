"""Entry point of the ClickHouse image: writes the configuration from the environment and becomes the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONFIGURATION = Path("/etc/clickhouse-server")


def main() -> None:
    """Configure, hold open the pipe on which the stand-in sees that its parent lives, and go on as the server."""
    sys.path.insert(0, str(HERE))
    from docker_database import write_configuration  # type: ignore[import-not-found]

    folders = Path("/var/lib/clickhouse"), Path("/var/log/clickhouse-server")
    for folder in (*folders, CONFIGURATION):
        folder.mkdir(parents=True, exist_ok=True)
    config = write_configuration(CONFIGURATION, *folders, 8123, os.environ["CLICKHOUSE_VERSION"], dict(os.environ))
    library = next(Path("/usr/lib/clickhouse").rglob("_chdb*.so"))
    hold_pipe()
    words = ["python3", "-S", "-E", "-I", str(HERE / "docker_run_clickhouse.py"), str(library), str(config)]
    os.chdir("/var/lib/clickhouse")
    os.execv(sys.executable, words)


def hold_pipe() -> None:
    """A pipe as standard input that never ends: opened both ways, as the server closes every other file it inherits."""
    inside, _ = os.pipe()
    os.dup2(os.open(f"/proc/self/fd/{inside}", os.O_RDWR), 0)


if __name__ == "__main__":
    main()
