"""First contact with clusters that are not as they should be: each shut door is told, and the others are seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.flows.story_support import edited
from tests.sandbox import vendor
from tests.sandbox.world import World
from tests.stories.meeting import meet, only_read, page_of


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One cluster for all: nobody changes it. Its script is the older one, and the service runs."""
    with World(history_rows=2_000, installed="24.8", variant="22.3") as world:
        yield world


@pytest.fixture
def cluster(world: World, prefect_server: str) -> Any:
    """Blocks for it."""
    from tests.sandbox.saved_blocks import cluster_block

    return cluster_block(world, "sandbox")


def test_an_older_cluster_is_seen_as_it_is(world: World, cluster: Any, tmp_path: Path) -> None:
    """The old sign-in, no Data Flow API, `upgrade` without -d; what was asked of ClickHouse it was asked read-only."""
    world.pbx.accounts.forms = ("oauth",)
    world.pbx.data_flow_api, world.pbx.version = False, "22.3.21"
    try:
        with world.recorded() as recording:
            run = meet(cluster, world, tmp_path)
    finally:
        world.pbx.accounts.forms = ("json", "oauth")
        world.pbx.data_flow_api, world.pbx.version = True, "22.8.0"
    assert run.ended == "COMPLETED", run.message
    page = page_of(tmp_path)
    for said in ("PBX 22.3.21", "form B (OAuth)", "`i:` in upgrade_verb", "portsip.clickhouse", "HTTP 404"):
        assert said in page, said
    assert [(each.path, each.status) for each in recording.pbx if each.method == "POST"] == [
        ("/api/auth/sign_in", 404),
        ("/api/login/oauth/token", 200),
        ("/api/login/oauth/revoke", 200),
    ]
    asked = [data for data in recording.forwarded if data.startswith(b"POST ")]
    assert len(asked) >= 8
    assert all(b"readonly=2" in data for data in asked)
    assert not world.control.path("/var/lib/dataflow-flows").exists()


def test_nothing_is_pinned_yet(world: World, cluster: Any, tmp_path: Path) -> None:
    """The very first run of all: nobody signs in anywhere, every key to compare is named, and the run fails."""
    signed = [len(host.sign_ins) for host in (world.control, world.server)]
    begun = len(world.pbx.requests)
    bare = edited(edited(cluster, "control", host_key=""), "pbx", fingerprint="")
    run = meet(bare, world, tmp_path, server="")
    assert run.ended == "FAILED"
    assert "0 of 3 doors opened (shut: PBX, pbx01, server)" in run.message
    page = page_of(tmp_path)
    assert world.control.host_key in page
    assert world.pbx.fingerprint.replace(":", "").lower() in page.replace(":", "").lower()
    assert "no SSH Host block was named for it" in page
    assert [len(host.sign_ins) for host in (world.control, world.server)] == signed
    assert len(world.pbx.requests) == begun


def test_a_refused_password_shuts_one_door_and_is_sent_once(world: World, cluster: Any, tmp_path: Path) -> None:
    """The run is called Warning, the other doors are told, and a second run does not send it again."""
    wrong = edited(cluster, "pbx", password=SecretStr("wrong-password-of-the-pbx"))
    bad = world.pbx.bad_sign_ins
    for number, said in enumerate(("Login failed", "this password was rejected before")):
        folder = tmp_path / str(number)
        run = meet(wrong, world, folder)
        assert (run.ended, run.state.name) == ("COMPLETED", "Warning")
        assert "(shut: PBX)" in run.message
        page = page_of(folder)
        assert said in page, page[:2000]
        assert "wrong-password-of-the-pbx" not in page
        assert "dataflow.sh there | yes" in page
        assert "## ClickHouse" in page
    assert world.pbx.bad_sign_ins == bad + 1


def test_an_account_with_few_rights_is_seen_as_such(world: World, cluster: Any, tmp_path: Path) -> None:
    """It signs in, and the page says that its rights do not do; nobody asks for more."""
    role, rights = world.pbx.account.role, world.pbx.account.capabilities
    world.pbx.account.role, world.pbx.account.capabilities = "OperationAdmin", ["SystemSettings.ReadOnly"]
    try:
        with world.recorded() as recording:
            run = meet(cluster, world, tmp_path)
    finally:
        world.pbx.account.role, world.pbx.account.capabilities = role, rights
    assert run.ended == "COMPLETED", run.message
    assert "**not enough** for Data Flow: OperationAdmin, SystemSettings.ReadOnly" in page_of(tmp_path)
    assert sum(each.method == "POST" for each in recording.pbx) == 2


def test_without_sudo_what_only_root_sees_is_unknown(world: World, cluster: Any, tmp_path: Path) -> None:
    """The HA cluster, the password of ClickHouse, the saved parameters: unknown, and the rest is told."""
    modes = world.control.sudo, world.server.sudo
    world.control.sudo = world.server.sudo = "none"
    try:
        with world.recorded() as recording:
            run = meet(cluster, world, tmp_path)
    finally:
        world.control.sudo, world.server.sudo = modes
    assert run.ended == "COMPLETED", run.message
    only_read(recording)
    page = page_of(tmp_path)
    for said in ("pbx, **not** without a password", "perhaps sudo refused it", "## ClickHouse\n\nNot seen: "):
        assert said in page, said
    assert "| Verbs | run, upgrade, start, stop, restart, rm |" in page


def test_a_folder_without_the_script_and_a_block_that_is_not_there_are_named(
    world: World, cluster: Any, tmp_path: Path
) -> None:
    """A slip in the form is told as what it is."""
    run = meet(cluster, world, tmp_path, server="no-such", script_folder="/opt/elsewhere")
    assert (run.ended, run.state.name) == ("COMPLETED", "Warning")
    page = page_of(tmp_path)
    assert "there is no saved SSH Host block 'no-such'" in page
    assert "| dataflow.sh there | no |" in page
    assert "it was not run" in page


def test_a_file_that_cannot_be_written_is_a_failure_that_says_so(world: World, cluster: Any, tmp_path: Path) -> None:
    """The page is in Prefect all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    run = meet(cluster, world, blocked)
    assert run.ended == "FAILED"
    assert "could not be written" in run.message
    assert "3 of 3 doors opened" in run.message


def test_a_status_verb_that_the_script_does_not_know_is_not_run(world: World, cluster: Any, tmp_path: Path) -> None:
    """ha_ctl.sh of another make is read, and left alone."""
    place = f"{vendor.FOLDER}/ha_ctl.sh"
    text = world.control.path(place).read_text()
    world.control.write(place, "case $1 in start) a;; stop) b;; restart) c;; esac\n", 0o755)
    try:
        begun = len(world.control.commands)
        meet(cluster, world, tmp_path)
    finally:
        world.control.write(place, text, 0o755)
    assert not any("/bin/bash" in command for command in world.control.commands[begun:])
    assert "start, stop, restart" in page_of(tmp_path)
