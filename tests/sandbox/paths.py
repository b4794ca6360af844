"""Absolute paths of a host in the sandbox: moved below its folder in what arrives, taken out again of what leaves.

A host is a folder tree without root rights and without namespaces, so a command like `cat /etc/os-release`
has to read `<root>/etc/os-release`. The command's text is changed, not the file system. What is only in the
*content* of a file or of stdin stays as it is: hand paths over as words of the command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

Reach = Mapping[tuple[str, int], tuple[str, int]]

MOVED = ("etc", "sys", "var", "opt", "home", "run", "root")

_BEFORE = (
    r"(?<![\w.:/~})$*\]-])"  # the middle of a path, $HOME/opt, ~/opt, and the right side of `-v here:/var/there`
    r"(?<!\w\w[\"'])(?<![})][\"'])(?<!\$\w[\"'])"  # behind a closing quote: "$folder"/opt
)
_PREFIX = rf"/(?:(?:{'|'.join(MOVED)})(?![\w.-])"  # /etc and /etc/x, not /etcetera, /var-x
_PROC = r"|proc/(?!self\b|thread-self\b)(?=[a-z]))"  # /proc/sys, /proc/meminfo; not /proc/1, /proc/self
_TCP = re.compile(r"/dev/tcp/([\w.:-]+)/(\d+)")
_NOWHERE = ("127.0.0.1", 1)  # nothing listens there


def moved(root: Path, text: str) -> str:
    """The text with the host's absolute paths below `root`; paths that are there already stay."""
    pattern = rf"{re.escape(str(root))}(?![\w.-])|{_BEFORE}{_PREFIX}{_PROC}"
    return re.sub(pattern, lambda m: m[0] if m[0].startswith(str(root)) else f"{root}{m[0]}", text)


def moved_path(root: Path, path: str) -> str:
    """One path, as SFTP has it, below `root`; a relative one starts in the folder that `.` maps to."""
    return moved(root, "/".join(["", *(part for part in path.split("/") if part)])) if path != "/" else str(root)


def reached(reach: Reach, address: str, port: int) -> tuple[str, int]:
    """Where a connection to this address really goes; never out of this machine."""
    own = address in ("127.0.0.1", "localhost", "::1") and port >= 1024  # below are the services of the real machine
    return reach.get((address, port), ("127.0.0.1", port) if own else _NOWHERE)


def rerouted(reach: Reach, text: str) -> str:
    """The text with every `/dev/tcp/ADDRESS/PORT` of bash pointing at where it really goes."""
    return _TCP.sub(lambda m: "/dev/tcp/{}/{}".format(*reached(reach, m[1], int(m[2]))), text)


class RootRemover:
    """Takes `root` out of a stream of bytes, also where two reads cut it in the middle."""

    def __init__(self, root: Path) -> None:
        self._root = str(root).encode()
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go out now; a tail that could be the beginning of `root` is kept."""
        data = (self._kept + data).replace(self._root, b"")
        longest = min(len(self._root) - 1, len(data))
        keep = next((n for n in range(longest, 0, -1) if self._root.startswith(data[-n:])), 0)
        self._kept = data[len(data) - keep :]
        return data[: len(data) - keep]

    def flush(self) -> bytes:
        """What was kept; asked for at the end and when nothing more came for a moment."""
        kept, self._kept = self._kept, b""
        return kept

    @property
    def waiting(self) -> bool:
        """Whether something is kept."""
        return bool(self._kept)
