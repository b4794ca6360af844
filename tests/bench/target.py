"""A host of the sandbox behind a real SSH server: its own files and programs, at their own paths.

Only the mount namespace of this sshd sees them there, so neither commands nor answers have to be rewritten on the way,
and what a contestant measures is OpenSSH. The host's programs answer at once what an Ubuntu server took some time to
find out: for everybody alike, so what is compared is the way there and back.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.bench.machine import ROOT
from tests.bench.sshd import Sshd
from tests.sandbox.host import Host

FOLDERS = ("var", "opt", "home")
FILES = ("etc/os-release",)


def sshd_of(host: Host) -> Sshd:
    """The SSH server in front of it; needs root, for the mounts. Leaves the machine's own mounts alone."""
    if os.geteuid() != 0:
        raise SystemExit("The benchmarks' hosts have mounts of their own: run this as root.")
    mounts = [*_programs(host), *(f"mount --rbind {host.path(name)} /{name}" for name in (*FOLDERS, *FILES))]
    within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{" && ".join(mounts)} && exec "$@"', "-"]
    home = Path("/home", host.user)
    return Sshd({**host.environment, "HOME": str(home)}, within)


def _programs(host: Host) -> list[str]:
    """What keeps this project and its Python where they are, if they lie in one of the folders that are hidden."""
    hidden = [place for place in (ROOT, Path(sys.base_prefix)) if place.parts[1] in FOLDERS]
    return [f"mkdir -p {host.path(str(place))} && mount --bind {place} {host.path(str(place))}" for place in hidden]
