"""The base image: a small Debian (or Ubuntu) of this machine's own release, from this machine's own mirror.

No registry is asked. `debootstrap` needs about a minute, once; the result is kept in the engine's store.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import docker

from tests.engine.engine import program

PACKAGES = ("python3", "wget")
_DROPPED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")


def codename() -> str:
    """The release of this machine, as its mirror names it."""
    found = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("/etc/os-release names no release: the lab needs a Debian or Ubuntu machine")
    return found[1].strip('"')


def mirror(release: str) -> str:
    """Where this machine's own apt gets that release from."""
    folder = Path("/etc/apt")
    for file in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))):
        text = file.read_text() if file.exists() else ""
        if found := re.search(rf"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+{release}\s", text, re.MULTILINE):
            return found[1]
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            suites = re.search(r"^Suites:\s*(.+)$", stanza, re.MULTILINE)
            places = re.search(r"^URIs:\s*(\S+)", stanza, re.MULTILINE)
            if suites and places and release in suites[1].split():
                return places[1]
    raise RuntimeError(f"the apt sources of this machine name no mirror for {release}")


def make_base(client: docker.DockerClient, tag: str, work: Path) -> None:
    """Make the image under this tag."""
    release = codename()
    with tempfile.TemporaryDirectory(dir=work, prefix="base-") as name:
        root, archive = Path(name) / "root", Path(name) / "root.tar"
        words = [program("debootstrap"), "--variant=minbase", f"--include={','.join(PACKAGES)}", release, str(root)]
        _run([*words, mirror(release)])
        for folder in _DROPPED:
            for inside in (root / folder).glob("*"):
                shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()
        _run(["tar", "--create", "--numeric-owner", f"--file={archive}", f"--directory={root}", "."])
        repository, _, version = tag.rpartition(":")
        client.api.import_image_from_file(str(archive), repository=repository, tag=version)


def _run(words: list[str]) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {(done.stdout + done.stderr)[-1500:]}")
