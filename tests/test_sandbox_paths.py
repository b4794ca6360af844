"""The paths of a sandbox host: moved below its folder in commands, taken out of what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox import paths


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("cat /etc/os-release", "cat /R/etc/os-release"),
        ("ls '/var/lib/x' \"/opt\" >/run/y", "ls '/R/var/lib/x' \"/R/opt\" >/R/run/y"),
        ("cat /proc/sys/x /proc/self/stat /proc/1/stat", "cat /R/proc/sys/x /proc/self/stat /proc/1/stat"),
        ("cat $HOME/opt/x ~/var a/etc /tmp/etc", "cat $HOME/opt/x ~/var a/etc /tmp/etc"),
        ('"$folder"/opt/x ${a}/var', '"$folder"/opt/x ${a}/var'),
        ("-v /var/lib/data:/var/lib/clickhouse", "-v /R/var/lib/data:/var/lib/clickhouse"),
        ("echo /R/etc/x /etcetera /optional", "echo /R/etc/x /etcetera /optional"),
    ],
)
def test_paths_of_the_host_are_moved_below_its_folder(text: str, moved: str) -> None:
    """Absolute paths in a command are moved once; variables, relative paths and a container's side stay."""
    assert paths.moved(Path("/R"), text) == moved


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_the_folder_is_taken_out_of_a_stream_however_it_is_cut(size: int) -> None:
    """A root that is split over two reads is found, and nothing else is lost."""
    data, remover = b"a/tmp/R/etc /tmp/Q /tmp/R/tmp/R/x /tmp/", paths.RootRemover(Path("/tmp/R"))
    out = b"".join(remover.feed(data[at : at + size]) for at in range(0, len(data), size)) + remover.flush()
    assert out == b"a/etc /tmp/Q /x /tmp/"
