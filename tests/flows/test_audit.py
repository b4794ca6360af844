"""The audit on a Prefect server that others use too: it agrees, and names each thing that somebody touched."""

from __future__ import annotations

import csv
import io
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.audit_tampering import TOUCHED, Changed, artifact, request
from tests.flows.conftest import Run, read_run
from tests.flows.secret_hunt import Hunter
from tests.flows.support import FlowRun
from tests.sandbox import vendor
from tests.sandbox.registry import OLD_PBX
from tests.sandbox.saved_blocks import save
from tests.sandbox.world import World
from tests.stories.words import carry_out

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def changed(prefect_server: str) -> Iterator[Changed]:
    """The history that all tests here look at; whoever touches it mends it."""
    from flows.recreate import recreate_data_flow
    from flows.remove import remove_data_flow

    with World(installed="25.8", history_rows=2_000) as world:
        world.pbx.version = OLD_PBX
        world.publish_pbx(OLD_PBX)
        vendor.settle(world.control, SECONDS_PER_STEP=0)
        name = f"audited-{uuid.uuid4().hex[:8]}"  # xdist may give this module to one worker in two pieces
        block = type(save(world, name)).load(name)
        run = carry_out(recreate_data_flow, block, reason="new token", ticket="CHG-8")
        assert run.ended == "COMPLETED", run.message
        refused = carry_out(remove_data_flow, block)
        assert refused.message.endswith("press Retry.")
        assert carry_out(recreate_data_flow, block, reason="none of them").ended == "FAILED"
        yield Changed(world, block, run, refused)


@pytest.fixture
def audit(changed: Changed, tmp_path: Path) -> Callable[..., Run]:
    """Audit this cluster, with the files in a folder of the test."""
    from flows.audit import audit_data_flow

    def run(**asked: Any) -> Run:
        wanted = {"clusters": [changed.name], "folder": str(tmp_path), **asked}
        return read_run(audit_data_flow(**wanted, return_state=True))

    return run


def written(folder: Path, name: str) -> str:
    """The file of this name that the newest audit wrote."""
    return (max(folder.iterdir()) / name).read_text()


def test_an_audit_of_what_nobody_touched_agrees(changed: Changed, audit: Callable[..., Run], tmp_path: Path) -> None:
    """It tells every run with its ending, vouched for by hashes; page, table and artifacts hold no secret."""
    told = audit()
    assert (told.ended, told.state.name) == ("COMPLETED", "Completed"), told.message
    assert told.message.startswith("the sources agree: no error, no warning, no note; 3 runs; /")
    page, table = written(tmp_path, "audit.html"), written(tmp_path, "audit.csv")
    assert "unaltered as far as can be known: 2 lines, vouched for by a hash that was noted elsewhere" in page
    assert [row[2:5] for row in [*csv.reader(io.StringIO(table))][1:]] == [
        [changed.name, "recreate", "done"],
        [changed.name, "remove", "refused"],
        [changed.name, "recreate", "never began: what was ordered is not valid"],
    ]
    kept = "\n".join([page, table, *(str(artifact(key)["data"]) for key in ("audit", "audit-runs", "audit-heads"))])
    assert "CHG-8" in table and f"recreate {changed.name}" in kept
    world = changed.world
    passwords = {"ssh": world.password, "clickhouse": world.clickhouse_password}
    hunter = Hunter({**passwords, **{f"pbx {n}": secret for n, secret in enumerate(world.pbx.secrets)}})
    assert hunter.hits(iter([("what is kept", f"{kept}\n{told.logs}\n{told.message}".encode())])) == []


def test_an_audit_shows_what_was_asked_for(changed: Changed, audit: Callable[..., Run], tmp_path: Path) -> None:
    """By the form's words; a cluster that nobody knows is refused by name."""
    assert "; 1 runs; " in audit(outcomes=["refused"], kinds=["remove"], since="2020-01-01").message
    assert ",refused," in written(tmp_path, "audit.csv")
    assert "; 0 runs; " in audit(until="2020-01-01").message
    strange = audit(clusters=["nobody"])
    assert strange.ended == "FAILED"
    assert "nobody knows nobody. Known are: " in strange.message


def test_each_thing_that_somebody_touched_is_named(changed: Changed, audit: Callable[..., Run], tmp_path: Path) -> None:
    """The artifact's record, its head, all of it, and lines of the log in turn; mended, all agree again."""
    for arrange, finding, words in TOUCHED:
        mend = arrange(changed)
        try:
            told = audit()
        finally:
            mend()
        assert told.ended == "FAILED", (finding, words)
        assert told.message.startswith("the sources do NOT agree: "), told.message
        row = next(row for row in written(tmp_path, "audit.html").splitlines() if finding in row and words in row)
        assert row.startswith('<tr class="error">'), row
    assert audit().state.name == "Completed"


def test_runs_that_died_or_were_deleted_and_other_peoples_are_told_apart(
    changed: Changed, audit: Callable[..., Run], tmp_path: Path
) -> None:
    """A crashed run is half recorded, a deleted one a record without a run; what is not ours is passed over."""
    from prefect import flow
    from prefect.artifacts import create_table_artifact

    @flow(name="their-flow")
    def theirs() -> None:
        create_table_artifact([{"what": "ever"}], key="record-theirs")

    theirs()
    crashed = FlowRun(changed.block, entrypoint="flows.recreate.recreate_data_flow", reason="x")
    request("POST", f"/flow_runs/{crashed.id}/set_state", {"state": {"type": "RUNNING"}, "force": True})
    crashed.crashed()
    told = audit()
    assert (told.ended, told.state.name) == ("COMPLETED", "Warning"), told.message
    assert "audit.half-recorded" in told.logs and "its process died" in written(tmp_path, "audit.csv")
    request("DELETE", f"/flow_runs/{crashed.id}", None)
    assert audit().state.name == "Completed"


def test_a_script_that_was_run_by_hand_is_noticed(changed: Changed, audit: Callable[..., Run]) -> None:
    """It writes its own file on pbx01 whoever starts it."""
    place = changed.world.control.path(f"{vendor.FOLDER}/.dataflow_server")
    before = place.stat()
    os.utime(place, (before.st_atime, before.st_mtime + 7_200))
    try:
        told = audit()
    finally:
        os.utime(place, (before.st_atime, before.st_mtime))
    assert told.state.name == "Warning", told.message
    assert f"the script left {vendor.FOLDER}/.dataflow_server on pbx01" in told.logs


def test_a_control_node_that_is_away_ends_nothing(changed: Changed, audit: Callable[..., Run], tmp_path: Path) -> None:
    """Its log is not read, which is an error; what its runs did is told by their artifacts."""
    link = changed.world.control.link
    link.refuse()
    try:
        told = audit()
    finally:
        link.allow()
    assert told.ended == "FAILED"
    assert "1 error, no warning" in told.message and "3 runs" in told.message
    assert "audit.log-not-read" in written(tmp_path, "audit.html")
    assert "CHG-8" in written(tmp_path, "audit.csv")


def test_a_bundle_proves_itself_and_tells_what_was_altered(
    changed: Changed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Record, report, transcript, snapshots and the lines of the log; each one that is altered is named, offline."""
    from flows.operating.bundle import main

    out = tmp_path / "proof.zip"
    assert main([f"http://ui/v2/runs/flow-run/{changed.run.id}", "--cluster", changed.name, "--out", str(out)]) == 0
    assert main(["check", str(out)]) == 0
    said = capsys.readouterr()
    assert ("unaltered" in said.out, said.err) == (True, "")
    assert "line 1 must have the hash" in said.out
    files = {name: zipfile.ZipFile(out).read(name) for name in zipfile.ZipFile(out).namelist()}
    assert {"record.json", "report.md", "transcript.log", "log.txt", "reference.json"} <= set(files)
    for name in files.keys() - {"heads.json"}:
        with zipfile.ZipFile(out, "w") as archive:
            for each, data in files.items():
                archive.writestr(each, data.replace(b"e", b"f", 1) if each == name else data)
        assert main(["check", str(out)]) == 1, name
        assert capsys.readouterr().out.startswith("ALTERED: "), name
    out.write_bytes(b"PK no zip")
    with pytest.raises(SystemExit, match="ALTERED, or never a bundle"):
        main(["check", str(out)])
    with pytest.raises(SystemExit, match=f"No audit log holds a record of run x; searched: {changed.name}"):
        main(["x", "--cluster", changed.name])


def test_what_was_deleted_in_prefect_is_told(changed: Changed, audit: Callable[..., Run]) -> None:
    """The artifact, then its run with it; the log still tells what was done. The last test here: it mends nothing."""
    request("DELETE", f"/artifacts/{artifact(changed.records, changed.refused.id)['id']}", None)
    assert "audit.artifact-gone" in audit().logs
    request("DELETE", f"/flow_runs/{changed.refused.id}", None)
    last = audit()
    assert last.state.name == "Warning"
    assert f"audit.record-without-run: {changed.name}: Prefect does not know 1 run" in last.logs
