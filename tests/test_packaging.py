"""What is installed: the lock is whole and safe, and a Prefect server of it starts and schedules."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.sandbox.demo_processes import Processes
from tests.sandbox.prefect_server import PrefectServer

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = [entry.replace("\\\n", "") for entry in re.split(r"\n(?=\S)", LOCK.strip())]
SUPPORTED = ("3.11", "3.12")


def locked(python: str) -> dict[str, Requirement]:
    """The lock as one Python version, `3.11` or `3.11.2`, on this system reads it."""
    full = python if python.count(".") == 2 else f"{python}.9"
    environment = {"python_version": full.rpartition(".")[0], "python_full_version": full}
    requirements = [Requirement(entry.split("--hash")[0].strip()) for entry in ENTRIES]
    return {
        canonicalize_name(requirement.name): requirement
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }


def direct() -> list[Requirement]:
    """What pyproject.toml asks for, with every extra."""
    optional = chain.from_iterable(PROJECT["optional-dependencies"].values())
    return [Requirement(text) for text in (*PROJECT["dependencies"], *optional)]


def needed(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed package with these extras needs here."""
    found = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    here = {key: str(value) for key, value in default_environment().items()}
    environments = [{**here, "extra": extra} for extra in {"", *extras}]
    return [r for r in found if r.marker is None or any(r.marker.evaluate(e) for e in environments)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.split("==")[0])
def test_every_package_of_the_lock_has_its_version_and_hashes_and_no_address(entry: str) -> None:
    """What is installed cannot differ from what was tested, and comes from wherever the reader's index is."""
    assert re.match(r"^[a-z0-9-]+(\[[a-z0-9, -]+\])?==[\w.+]+ ", entry)
    assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry)
    assert "://" not in entry
    assert " @ " not in entry


@pytest.mark.parametrize("python", SUPPORTED)
def test_the_lock_holds_every_direct_dependency_within_its_bounds(python: str) -> None:
    """pyproject.toml and the lock agree, for each supported Python."""
    lock = locked(python)
    for requirement in direct():
        version = str(lock[canonicalize_name(requirement.name)].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} but {version} is locked"


def test_the_lock_lacks_nothing_that_its_packages_need() -> None:
    """The Makefile installs it without resolving, so all that is needed must be in it."""
    lock = locked(platform.python_version())
    for name, requirement in lock.items():
        for need in needed(name, requirement.extras):
            version = str(lock[canonicalize_name(need.name)].specifier).removeprefix("==")
            assert need.specifier.contains(version, prereleases=True), f"{name} needs {need}, locked is {version}"


def test_what_is_installed_is_what_the_bounds_allow() -> None:
    """Every direct dependency is installed here within the bounds of pyproject.toml."""
    for requirement in direct():
        installed = importlib.metadata.version(requirement.name)
        assert requirement.specifier.contains(installed), f"{requirement} but {installed} is installed"


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    """Whoever reads the newest entry reads about what he has."""
    found = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found
    assert found[1] == PROJECT["version"]


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Background programs that end with the test."""
    with tempfile.TemporaryDirectory(prefix="server-", ignore_cleanup_errors=True) as folder:
        started = Processes(Path(folder))
        yield started
        started.stop()


def assert_starts_and_schedules(server: PrefectServer) -> None:
    """The server gets healthy, and of a deployment with a schedule it makes runs by itself."""
    server.start()
    server.wait()
    flow = server.post("/flows/", {"name": "hourly"})
    schedule = {"active": True, "schedule": {"interval": 3600}}
    server.post("/deployments/", {"name": "hourly", "flow_id": flow["id"], "schedules": [schedule]})
    wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    end = time.monotonic() + 90
    while not (runs := server.post("/flow_runs/filter", wanted)) and time.monotonic() < end:
        time.sleep(0.5)
    assert runs, "the server makes no run of a schedule; see its log for `schedule_deployments`"


@pytest.mark.matrix
@pytest.mark.server
@pytest.mark.timeout(900)
def test_a_server_of_this_environment_starts_and_schedules(processes: Processes) -> None:
    """With other versions of its libraries the server dies at its start, or silently never schedules."""
    assert_starts_and_schedules(PrefectServer(processes))


@pytest.mark.server
@pytest.mark.matrix
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    os.environ.get("CI") != "true",
    reason="installs everything anew (minutes): CI=true .venv/bin/pytest tests/test_packaging.py",
)
def test_a_server_installed_without_the_lock_starts_and_schedules(processes: Processes) -> None:
    """The bounds of pyproject.toml alone keep away the versions with which the server does not work."""
    source, python = processes.folder / "source", processes.folder / "venv" / "bin" / "python"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("flows", "blocks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", processes.folder / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-qq", source], check=True)
    subprocess.run([python, "-I", "-c", "import flows.install"], check=True)
    assert_starts_and_schedules(PrefectServer(processes, str(python)))
