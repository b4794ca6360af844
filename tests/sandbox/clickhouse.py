"""The real ClickHouse engines that the sandbox runs, kept in a cache folder.

PyPI's `chdb` wheels hold a whole ClickHouse server in one library. One environment cannot hold two of them,
so the wheels are downloaded with their hashes checked and only the library is unpacked, side by side:
`python -m tests.sandbox.clickhouse 25.8 24.8` makes sure that both are there.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wheel:
    """The wheel that holds one ClickHouse version, and how `pip` finds it from any Python version."""

    version: str
    sha256: str
    options: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The name of its folder in the cache."""
        return f"chdb-{self.version}"


WHEELS = {
    "25.8": Wheel(
        "3.7.2",
        "c119f0830c12438a4e4b60b8370859ba50992e8b1b01a8c681e1c57eeb2dc82d",
        ("--python-version=311", "--implementation=cp", "--abi=abi3", "--platform=manylinux2014_x86_64"),
    ),
    "24.8": Wheel(
        "3.3.0",
        "cb986a0165496aa5e7f24339aaa869b2138e8bf6589b516aabc8d1da1825f175",
        ("--python-version=311", "--implementation=cp", "--abi=cp311", "--platform=manylinux2014_x86_64"),
    ),
}


def cache_folder() -> Path:
    """Where the engines are kept: `DATAFLOW_SANDBOX_CACHE`, else below the user's cache folder."""
    chosen = os.environ.get("DATAFLOW_SANDBOX_CACHE", "")
    return Path(chosen) if chosen else Path.home() / ".cache" / "dataflow-flows" / "engines"


def ensure_engine(version: str, say: Say = print) -> Path:
    """The library of this ClickHouse version; downloads it when the cache does not hold it yet."""
    wheel = WHEELS[version]
    folder = cache_folder()
    found = _library_in(folder / wheel.folder)
    if found is None:
        folder.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(folder / f".{wheel.folder}.lock"):
            found = _library_in(folder / wheel.folder) or _fetch(version, wheel, folder, say)
    return found


def _library_in(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("chdb/_chdb*.so"))), None)


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold this file's lock; of several processes, each has it in its turn."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(version: str, wheel: Wheel, cache: Path, say: Say) -> Path:
    with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as name:
        work = Path(name)
        say(f"ClickHouse {version}: downloading the engine (chdb {wheel.version}), once for {cache}")
        archive = _download(wheel, work)
        say(f"ClickHouse {version}: unpacking {archive.stat().st_size // 1_000_000} MB")
        unpacked = _unpack(archive, work / wheel.folder)
        # A rename within one folder is atomic: whoever looks sees the whole engine or none.
        unpacked.rename(cache / wheel.folder)
    found = _library_in(cache / wheel.folder)
    if found is None:
        raise RuntimeError(f"the wheel chdb {wheel.version} holds no engine library")
    say(f"ClickHouse {version}: ready")
    return found


def _download(wheel: Wheel, work: Path) -> Path:
    requirements = work / "requirements.txt"
    requirements.write_text(f"chdb=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--quiet",
    ]
    chosen = ["--no-deps", "--require-hashes", "--only-binary=:all:", *wheel.options]
    done = subprocess.run(
        [*pip, *chosen, "--dest", str(work), "--requirement", str(requirements)],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    archive = next(iter(work.glob("*.whl")), None)
    if done.returncode or archive is None:
        raise RuntimeError(f"cannot download chdb {wheel.version}: {done.stderr.strip()[-800:]}")
    return archive


def _unpack(archive: Path, target: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if name.startswith("chdb.libs/") or (name.startswith("chdb/_chdb") and name.endswith(".so")):
                file.extract(name, target)
    archive.unlink()
    return target


def main(versions: list[str]) -> int:
    """Make sure that these versions (all, when none is named) are in the cache."""
    for version in versions or list(WHEELS):
        if version not in WHEELS:
            print(f"no engine for ClickHouse {version}; there is: {', '.join(WHEELS)}")
            return 2
        print(f"ClickHouse {version}: {ensure_engine(version)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
