"""Python loads this first on a host whose disk is full: it makes no more files below one folder than there is room for.

<root>/etc/sandbox-full-disk holds the folder, and how many files, folders and links still fit.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
MAKES = {"os.link": (1, 3), "os.symlink": (1, 2), "os.mkdir": (0, 2)}  # which arguments are the path and its folder


class Disk:
    """Counts what is made below the folder."""

    def __init__(self) -> None:
        with open(os.environ["SANDBOX_ROOT"] + "/etc/sandbox-full-disk") as file:  # noqa: PTH123 - before pathlib
            self.folder, left, *_ = file.read().split("\n")
        self.left = int(left)

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse as the kernel does."""
        if event in MAKES:
            at, folder = MAKES[event]
            self._make(arguments[at], arguments[folder])
        elif event == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & WRITES:
            self._make(arguments[0], -1)

    def _make(self, path: Any, folder: int) -> None:
        name = os.fsdecode(path)
        if folder >= 0 and not name.startswith("/"):
            name = os.readlink(f"/proc/self/fd/{folder}") + "/" + name  # noqa: PTH115
        if name == self.folder or name.startswith(self.folder + "/"):
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)


sys.addaudithook(Disk().watch)
