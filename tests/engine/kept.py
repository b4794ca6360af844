"""Servers that are kept switched off: an engine's folder with images in it, and whole installations.

The vendor's script installs the service on a real server once; then that server's engine is ended as for a reboot, and
its folders are kept. A lab takes a copy and switches it on: Docker starts the containers again by their policy. They
know their addresses, so a lab takes the range of addresses in which one is kept; what runs beside it has others.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.network import RANGES
from tests.sandbox import vendor

if TYPE_CHECKING:
    from tests.engine.lab import Lab

HERE = Path(__file__).parent
_SCRIPTS = ("dataflow.sh", "on_server_compose.sh")


def shape(*parts: str) -> str:
    """A short name for everything that shapes what is kept."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


class Installation:
    """The server of a lab after the script's `run`, as it is kept (or will be)."""

    def __init__(self, lab: Lab) -> None:
        scripts = [(vendor.HERE / name).read_text() for name in _SCRIPTS]
        own = [(HERE / name).read_text() for name in ("installed.py", "kept.py", "lab.py")]
        self._kind = f"{lab.installed}-{lab.variant}-{lab.history_rows}"
        self._name = f"{self._kind}-{shape(*lab.shared.installed_images(lab.installed), *scripts, *own)}"
        self._lab, self._parent = lab, kept_folder(lab)
        self._script_folder = vendor.VARIANTS[lab.variant].folder

    @property
    def _folder(self) -> Path:
        return self.folder_in(self._lab.virtual_ip.rpartition(".")[0])

    def folder_in(self, range_: str) -> Path:
        """Where it is kept (or will be) with addresses of this range."""
        return self._parent / f"{self._name}-{range_}"

    @property
    def there(self) -> bool:
        """Whether it is kept already, with the addresses of this lab."""
        return self._folder.exists()

    def keep(self, lab: Lab, docker_folder: Path, data_folder: Path) -> None:
        """Switch the server's engine off, keep its folders, switch it on again."""
        self._parent.mkdir(exist_ok=True)
        for older in self._parent.glob(f"{self._kind}-*"):
            if not older.name.startswith(self._name):
                shutil.rmtree(older, ignore_errors=True)  # another process may remove it as well
        lab.server.stop_docker()
        with tempfile.TemporaryDirectory(dir=self._parent, prefix=".new-") as name:
            new = Path(name) / "kept"
            for part in ("docker", "data"):
                (new / part).mkdir(parents=True)
            copy_docker(docker_folder, new / "docker")
            _copy(data_folder.iterdir(), new / "data")
            _copy([lab.server.path(self._script_folder)], new / "script")
            new.rename(self._folder)
        lab.server.run("start-docker")

    def put_back(self, docker_folder: Path, data_folder: Path) -> None:
        """Fill the folders of a server that is not switched on yet."""
        copy_docker(self._folder / "docker", docker_folder)
        _copy((self._folder / "data").iterdir(), data_folder)
        (data_folder / "clickhouse/data/uuid").write_text(str(uuid.uuid4()))  # each lab has a server of its own

    def put_script_folder(self, lab: Lab) -> None:
        """Put in place what the script left beside the data."""
        target = lab.server.path(self._script_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy([self._folder / "script"], target)


def kept_folder(lab: Lab) -> Path:
    """Where all installations are kept."""
    return lab.shared.engine.folder / "installed"


def ranges(lab: Lab) -> list[str]:
    """The ranges of addresses, best first: where the lab's installation is kept, then where none is."""
    own = Installation(lab) if lab.installed else None

    def order(range_: str) -> int:
        if own and own.folder_in(range_).exists():
            return 0
        return 2 if any(kept_folder(lab).glob(f"*-{range_}")) else 1

    return sorted(RANGES, key=order)


def copy_docker(source: Path, target: Path) -> None:
    """Copy the folder of an engine that does not run; unpacked layers, which nobody writes to, as hard links."""
    _copy((place for place in source.iterdir() if place.name != "overlay2"), target)
    layers = target / "overlay2"
    layers.mkdir(mode=0o710)
    written = {"l"}  # what belongs to containers is written to
    for file in source.glob("image/overlay2/layerdb/mounts/*/*-id"):
        written.add(file.read_text().strip())
    places = list((source / "overlay2").iterdir())
    _copy((place for place in places if place.name in written), layers)
    _copy((place for place in places if place.name not in written), layers, "--link")


def _copy(sources: Iterable[Path], target: Path, *how: str) -> None:
    """Into `target` where that is a folder already, else under its name."""
    if words := [str(source) for source in sources]:
        subprocess.run(["cp", "--archive", *how, *words, str(target)], check=True)
