"""Removing as values: the plan with the guide's warning, and a folder that changed in any way is noticed."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.core import remove
from flows.core.remove import Folder
from tests.core.healthy import SNAPSHOT, wish, with_docker

DATA = Folder("/d/clickhouse/data", "66:1", "101:101 755", 40, 9000, "a" * 64, "0-0-1")
OWN = Folder("/d/dataflow", "66:2", "888:888 755", 1, 30, "b" * 64)


def test_the_plan_begins_with_the_guides_warning_and_names_what_goes_and_what_stays() -> None:
    """Containers with their ids go; both folders stay."""
    plan = remove.plan(SNAPSHOT, wish(verb="rm"), ())
    titles = {step.task: step.title for step in plan.steps}
    assert remove.WARNING in plan.steps[0].title
    assert "portsip.clickhouse (c1) and portsip.dataflow (c2)" in titles["stop-service"]
    assert titles["remove"] == "on pbx01: cd /opt/portsip-pbx-ha-guide && /bin/bash dataflow.sh rm"
    assert "/var/lib/portsip/clickhouse/data and /var/lib/portsip/dataflow are as they were" in titles["verify-removed"]
    assert [step.task for step in plan.steps if step.changes] == ["stop-service", "remove"]


def test_where_nothing_is_nothing_is_planned() -> None:
    """A second remove is "already so"."""
    assert not remove.plan(with_docker(containers=()), wish(verb="rm"), ()).changes


CHANGED: list[str] = ["identity", "owner", "files", "bytes", "digest", "uuid"]


def test_anything_that_changed_in_a_folder_is_named() -> None:
    """Also a file of the same size that is another one; and a folder that is gone."""
    for name in CHANGED:
        changed: dict[str, Any] = {name: 7 if name in ("files", "bytes") else "other"}
        other = replace(DATA, **changed)
        assert remove.difference((DATA, OWN), (other, OWN)).startswith(f"/d/clickhouse/data changed ({name})")


def test_unchanged_folders_differ_in_nothing_and_survive_their_text() -> None:
    """What was recorded on the control node is what is compared later."""
    assert remove.from_json(remove.as_json((DATA, OWN))) == (DATA, OWN)
    assert remove.difference((DATA, OWN), (DATA, OWN)) == ""
    assert remove.difference((DATA, OWN), (OWN,)) == "/d/clickhouse/data is not there any more"


def read(folder: Path) -> Folder:
    """What the command tells of a real folder."""
    answer = subprocess.run(["bash", "-c", remove.folder_command(str(folder))], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return remove.parse_folder(str(folder), answer.stdout)


def test_the_command_sees_each_file_of_a_real_folder(tmp_path: Path) -> None:
    """Files and bytes are counted; a rewritten, a renamed and a linked file each change the digest."""
    folder = tmp_path / "a folder"
    (folder / "store").mkdir(parents=True)
    (folder / "uuid").write_text("0-0-1\n")
    (folder / "store" / "part").write_text("rows")
    first = read(folder)
    assert (first.files, first.bytes, first.uuid) == (2, 10, "0-0-1")
    assert read(folder) == first
    seen = {first.digest}
    for change in (
        lambda: (folder / "store" / "part").write_text("ROWS"),
        lambda: (folder / "store" / "part").rename(folder / "store" / "part2"),
        lambda: (folder / "link").symlink_to("store"),
        lambda: (folder / "uuid").chmod(0o600),
    ):
        change()
        seen.add(read(folder).digest)
    assert len(seen) == 5


def test_a_folder_that_is_not_there_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """A server may have been removed together with its data before."""
    answer = subprocess.run(["bash", "-c", remove.folder_command(str(tmp_path / "none"))])
    assert answer.returncode == 3
    with pytest.raises(ValueError, match="unpack"):
        remove.parse_folder("/d", "")
