"""SFTP of a host in the sandbox: the same tree that its commands see, with the rights that a plain user has."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer

from tests.sandbox import paths

if TYPE_CHECKING:
    from tests.sandbox.host import Host


class Files(paramiko.SFTPServerInterface):
    """Answers SFTP requests out of the host's folder."""

    def __init__(self, server: Any, host: Host, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        self._host = host

    def _at(self, path: str) -> Path:
        home = f"/home/{self._host.user}"
        return Path(paths.moved_path(self._host.root, path if path.startswith("/") else f"{home}/{path}"))

    def _change(self, path: str, do: Callable[[Path], object]) -> int:
        try:
            if any(f"{path}/".startswith(f"{folder}/") for folder in self._host.read_only):
                raise PermissionError(errno.EACCES, "Permission denied")
            if self._host.disk_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            do(self._at(path))
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or errno.EIO)
        return paramiko.SFTP_OK

    def canonicalize(self, path: str) -> str:
        """The absolute path; a relative one starts at home."""
        return os.path.normpath(path if path.startswith("/") else f"/home/{self._host.user}/{path}")

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        """The names of a folder with their attributes."""
        try:
            entries = [(entry.name, entry.lstat()) for entry in self._at(path).iterdir()]
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or errno.EIO)
        return [SFTPAttributes.from_stat(status, name) for name, status in entries]

    def stat(self, path: str) -> SFTPAttributes | int:
        """Attributes, of the target of a link."""
        return self._status(lambda: self._at(path).stat())

    def lstat(self, path: str) -> SFTPAttributes | int:
        """Attributes, of a link itself."""
        return self._status(lambda: self._at(path).lstat())

    def _status(self, ask: Callable[[], os.stat_result]) -> SFTPAttributes | int:
        try:
            return SFTPAttributes.from_stat(ask())
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or errno.EIO)

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> SFTPHandle | int:
        """A file to read or write."""
        opened: list[int] = []
        mode = attr.st_mode if attr.st_mode is not None else 0o644

        def do(place: Path) -> None:
            opened.append(os.open(place, flags, mode))

        if flags & (os.O_WRONLY | os.O_RDWR):
            code = self._change(path, do)
            if code != paramiko.SFTP_OK:
                return code
        else:
            try:
                do(self._at(path))
            except OSError as error:
                return SFTPServer.convert_errno(error.errno or errno.EIO)
        return _handle(opened[0], flags)

    def remove(self, path: str) -> int:
        """Remove a file."""
        return self._change(path, Path.unlink)

    def rename(self, oldpath: str, newpath: str) -> int:
        """Rename as plain SFTP does: an existing target is a failure."""
        if self._at(newpath).exists():
            return paramiko.SFTP_FAILURE
        return self._change(newpath, self._at(oldpath).rename)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        """Rename over an existing target, in one step."""
        return self._change(newpath, self._at(oldpath).replace)

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        """Make a folder."""
        return self._change(path, lambda place: place.mkdir(attr.st_mode if attr.st_mode is not None else 0o755))

    def rmdir(self, path: str) -> int:
        """Remove an empty folder."""
        return self._change(path, Path.rmdir)

    def chattr(self, path: str, attr: SFTPAttributes) -> int:
        """Set mode, size and times; an owner is not kept, as nobody but root can."""
        attr._flags &= ~attr.FLAG_UIDGID
        return self._change(path, lambda place: SFTPServer.set_file_attr(str(place), attr))

    def readlink(self, path: str) -> str | int:
        """The target of a link, without the host's root."""
        try:
            return str(self._at(path).readlink()).removeprefix(str(self._host.root))
        except OSError as error:
            return SFTPServer.convert_errno(error.errno or errno.EIO)

    def symlink(self, target_path: str, path: str) -> int:
        """Make a link."""
        return self._change(path, lambda place: place.symlink_to(paths.moved(self._host.root, target_path)))


def _handle(descriptor: int, flags: int) -> SFTPHandle:
    handle = SFTPHandle(flags)
    writes = flags & (os.O_WRONLY | os.O_RDWR)
    file = os.fdopen(
        descriptor,
        ("ab" if flags & os.O_APPEND else "r+b" if flags & os.O_RDWR else "wb") if writes else "rb",
    )
    handle.filename = ""
    handle.readfile = handle.writefile = file
    return handle
