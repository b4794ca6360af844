"""The folder tree of a host in the sandbox: the files of an Ubuntu 24.04 server, and the programs on its PATH."""

from __future__ import annotations

import shutil
import sys
import uuid
from pathlib import Path

import paramiko

PROGRAMS = Path(__file__).parent / "programs"

# Real tools that a command may use: they change nothing but what the command's own text names.
_TOOLS = """awk base64 basename bash cat chmod cmp comm cp cut dd diff dirname du egrep env expr false find flock
grep gzip head install ln ls md5sum mkdir mkfifo mktemp mv nohup od paste printf pwd readlink realpath rm rmdir script
sed seq setsid sh sha256sum sleep sort split stat sync tac tail tar tee test timeout touch tr true truncate tty uniq
wc xargs"""
HARMLESS = _TOOLS.split()
ASIDE = ("date", "ps")  # real tools behind an answer: used where there is no answer to the exact words

_FOLDERS = """etc/docker home opt proc/sys/kernel/random root run sys/devices/system/cpu var/lib/apt/lists
var/lib/portsip var/log bin real lib"""
FILES = {
    "etc/os-release": """PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.3 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
HOME_URL="https://www.ubuntu.com/"
UBUNTU_CODENAME=noble
""",
    "etc/hostname": "@NAME@\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 @NAME@\n",
    "proc/meminfo": """MemTotal:       @MEMORY_KIB@ kB
MemFree:        @MEMORY_KIB@ kB
MemAvailable:   @MEMORY_KIB@ kB
SwapTotal:       4194300 kB
""",
    "proc/loadavg": "0.21 0.18 0.12 1/412 4242\n",
    "proc/uptime": "734112.20 5794112.88\n",
    "proc/sys/kernel/random/boot_id": "@BOOT_ID@\n",
}


def filled(text: str, words: dict[str, str]) -> str:
    """The text with each @WORD@ replaced."""
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def plant(root: Path, user: str, words: dict[str, str]) -> None:
    """Make folders, files and the programs that every host has."""
    for folder in _FOLDERS.split():
        (root / folder).mkdir(parents=True, exist_ok=True)
    home = root / "home" / user
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for name, text in FILES.items():
        (root / name).write_text(filled(text, {"BOOT_ID": str(uuid.uuid4()), **words}))
    for name, folder in (*((name, "bin") for name in HARMLESS), *((name, "real") for name in ASIDE)):
        if real := shutil.which(name):  # one that this machine lacks is left out
            (root / folder / name).symlink_to(real)
    _install_programs(root)


def _install_programs(root: Path) -> None:
    for name in ("apt-get", "date", "df", "sudo"):
        (root / "bin" / name).symlink_to(PROGRAMS / f"{name}.sh")
    # Without `site` Python starts in half the time; paramiko is then found by its folder.
    library = Path(paramiko.__file__).parents[1]
    for name, program in (("ssh", "ssh.py"), ("ssh-keygen", "ssh_keygen.py")):
        start = f"SANDBOX_LIBRARY='{library}' exec '{sys.executable}' -I -S -B"
        _write_program(root / "bin" / name, f"{start} '{PROGRAMS / program}' \"$@\"")
    # Only the standard library, as on a server. A disk can be full for it: nothing else makes files of ours there.
    full = f"[[ ! -f $SANDBOX_ROOT/etc/sandbox-full-disk ]] || PYTHONPATH='{PROGRAMS / 'full_disk'}'"
    # Files are given to another user by one program only; this host has but one.
    one = f"[[ $* != *rehearsal.py* ]] || PYTHONPATH='{PROGRAMS / 'one_user'}' exec '{sys.executable}' \"$@\""
    python = f"{one}\n{full} exec '{sys.executable}' \"$@\"\nexec '{sys.executable}' -S \"$@\""
    _write_program(root / "bin" / "python3", python)


def answer_or_not(root: Path, name: str, answered: bool) -> None:
    """Let a command print its answer, with a real tool of that name behind it; without answers only the real tool."""
    place, real = root / "bin" / name, root / "real" / name
    stands_in = place.is_symlink() and place.readlink() == PROGRAMS / "answer.sh"
    if place.is_symlink() and not stands_in and place.readlink().parent == PROGRAMS:
        return  # it reads its answers itself
    if answered and not stands_in:
        if place.is_symlink() or place.exists():
            place.rename(real)
        place.symlink_to(PROGRAMS / "answer.sh")
    if not answered and stands_in:
        place.unlink()
        if real.is_symlink() or real.exists():
            real.rename(place)


def install_docker(root: Path, socket: Path, *, installed: bool) -> None:
    """Put Docker's command line in place, or only where `apt-get install docker-ce` finds it."""
    words = {
        "SOCKET": str(socket),
        "PYTHON": sys.executable,
        "PROGRAM": str(PROGRAMS.parent / "docker_cli.py"),
    }
    program = root / "lib" / "docker"
    program.write_text(filled((PROGRAMS / "docker.sh").read_text(), words))
    program.chmod(0o755)
    if installed:
        (root / "bin" / "docker").symlink_to("../lib/docker")


def _write_program(place: Path, line: str) -> None:
    place.write_text(f"#!/bin/bash\n{line}\n")
    place.chmod(0o755)
