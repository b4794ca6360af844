"""An empty Prefect database with its tables, made once and kept: to make them takes a core eleven seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.sandbox.clickhouse import cache_folder, one_at_a_time


def kept() -> Path:
    """Where it lies once `make` was called: beside the engines, one for each version of Prefect."""
    return cache_folder() / f"prefect-{version('prefect')}.db"


def make() -> None:
    """Let Prefect make it, if nobody did before; whoever asks meanwhile waits."""
    kept().parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(kept().with_suffix(".lock")):
        if kept().exists():
            return
        with tempfile.TemporaryDirectory(dir=kept().parent) as folder:
            fresh = Path(folder, "prefect.db")
            settings = {
                "PREFECT_HOME": folder,
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{fresh}",
            }
            words = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
            subprocess.run(words, env=os.environ | settings, check=True, capture_output=True, timeout=300)
            fresh.rename(kept())


def put(target: Path) -> None:
    """Copy it there, if it was made and nothing lies there yet; else the server makes its own."""
    if kept().exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept(), target)
