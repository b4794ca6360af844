"""The kind of machine and the versions of what is compared, in words that name no host and no folder."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
RIVALS = ROOT / ".venv-bench"
"""Where the make target installs `rivals.txt`."""
OURS = ("prefect", "paramiko", "docker", "httpx", "pandas")
PROGRAMS = {"OpenSSH": ("ssh", "-V"), "Docker": ("docker", "--version")}


def kind() -> str:
    """Cores, processor, memory, system."""
    return f"{os.cpu_count()} cores ({_processor()}), {_memory():.0f} GiB, {_system()}"


def versions() -> dict[str, str]:
    """Of Python, our libraries, the rivals that are installed, and the programs that are there."""
    found = {"Python": platform.python_version()}
    found |= {name: metadata.version(name) for name in OURS}
    found |= dict(_rivals())
    for name, argv in PROGRAMS.items():
        if shutil.which(argv[0]):
            said = subprocess.run(argv, capture_output=True, text=True)
            found[name] = (said.stdout + said.stderr).strip().splitlines()[0].split(",")[0]
    return found


def rival(program: str) -> Path:
    """A program of the rivals' environment; ends the benchmark and says what to do where it is not there."""
    path = RIVALS / "bin" / program
    if not path.exists():
        raise SystemExit(f"{program} is not installed beside the project: `make bench` installs it first.")
    return path


def _rivals() -> Iterator[tuple[str, str]]:
    for folder in sorted(RIVALS.glob("lib/python*/site-packages")):
        for each in metadata.distributions(path=[str(folder)]):
            if each.name in ("ansible-core", "pyinfra", "mitogen"):
                yield each.name, each.version


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", lines, re.MULTILINE)
    return named[1].strip() if named else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
