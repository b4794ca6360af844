"""Every run leaves its record, in the log on pbx01 and beside itself, and the two agree (promise P6)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import paramiko
import pytest
from httpx import TransportError
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pydantic import SecretStr

from flows.core.audit.chain import head_of
from flows.core.audit.verify import verify
from flows.core.change import Order
from flows.core.health.memory import head_in
from flows.errors import CommandFailed
from flows.recorded import recorded
from flows.tasks.audit_log import append_record, read_head, read_log
from tests.core.audit.records import past, record
from tests.flows.audit_support import LOG, agree, beside, log_text, logged, told, waits
from tests.flows.conftest import Run, read_run
from tests.flows.health_support import check
from tests.flows.story_support import block_of, edited, two_cores, untouched
from tests.flows.support import STATE
from tests.sandbox.link import Link
from tests.sandbox.world import World


@pytest.fixture
def cluster(world: World, prefect_server: str) -> Any:
    """The block under a name of its own: what other tests left to be written is none of its business."""
    return edited(block_of(world), name="logged")


def reconcile(cluster: Any) -> Run:
    """Run the flow here."""
    from flows.reconcile import reconcile_data_flow

    return read_run(reconcile_data_flow(cluster, return_state=True))


@pytest.mark.matrix
def test_every_run_leaves_its_record_and_one_that_could_not_is_written_later(
    world: World, cluster: Any, install: Callable[..., Run]
) -> None:
    """A dry run on a bare cluster leaves nothing there; what a log that is shut missed, reconcile appends."""
    dry = install(dry_run=True)
    untouched(world)
    ((looked, head),) = beside(dry.id)
    assert (looked.outcome, looked.requested_by, looked.trigger.how, head) == (
        "dry run",
        "a test",
        "UI, CLI or API",
        None,
    )
    assert not waits(dry.id)

    world.control.path(f"{LOG}.guard").mkdir(parents=True)
    done = install(requested_by="anna", ticket="CHG-1")
    assert done.ended == "COMPLETED", done.message
    assert "did not get into the audit log" in done.logs
    assert (beside(done.id)[0][1], waits(done.id), log_text(world)) == (None, True, "")
    world.control.path(f"{LOG}.guard").rmdir()
    assert "1 of 1 that waited" in reconcile(cluster).tasks["write-records"]
    assert not waits(done.id)

    two_cores(world)
    refused = install()
    assert told(world) == [("install", "done"), ("install", "refused")]
    agree(world, done.id, refused.id)
    whole, no = logged(world)
    assert (whole.requested_by, whole.ticket, whole.attempt, whole.software) == ("anna", "CHG-1", 1, "0.1.0")
    assert whole.changed and not no.changed
    assert [found.id for found in no.findings if found.level == "error"] == ["host.vcpu"]
    assert whole.script
    transcript = world.control.path(f"{whole.script.folder}/log").read_bytes()
    assert whole.script.sha256 == hashlib.sha256(transcript).hexdigest()
    assert whole.digests == {"report.md": hashlib.sha256(done.report.encode()).hexdigest()}
    assert world.control.path(LOG).stat().st_mode & 0o777 == 0o600
    assert head_in(check(cluster).rows, "") == head_of(log_text(world))


def test_the_log_is_appended_to_by_many_and_only_where_our_folder_is(world: World, cluster: Any) -> None:
    """Four workers at once lose no line; a look makes no folder; what cannot be written is said."""
    with cluster.control.get_client() as ssh:
        assert (append_record(ssh, record()), read_head(ssh), read_log(ssh)) == (None, None, "")
        assert not world.control.path(STATE).exists()
    world.control.path(STATE).mkdir(parents=True)

    def at_once(worker: int) -> None:
        with cluster.control.get_client() as ssh:
            for number in range(3):
                assert append_record(ssh, past(f"run-{worker}-{number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(at_once, range(4)))
    assert sorted(each.run for each in logged(world)) == [f"run-{w}-{n}" for w in range(4) for n in range(3)]
    with cluster.control.get_client() as ssh:
        assert read_log(ssh) == log_text(world)
        last = read_head(ssh)
        assert last == head_of(log_text(world))
        assert append_record(ssh, logged(world)[-1]) == last
        place = world.control.path(LOG)
        place.unlink()
        place.mkdir()
        with pytest.raises(CommandFailed, match=r"reading the end of the audit log; got: .*Look at"):
            append_record(ssh, record())


def test_a_line_that_is_longer_than_what_is_read_of_the_log_is_chained_to_all_the_same(
    world: World, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster can have thousands of tables; and half a line of a writer that died is left where it is."""
    monkeypatch.setattr("flows.tasks.audit_log.END", 500)
    world.control.path(STATE).mkdir(parents=True)
    with cluster.control.get_client() as ssh:
        for run in ("a", "b"):
            append_record(ssh, past(run))
        assert len(json.dumps(log_text(world))) > 2000
        assert [each.run for each in logged(world)] == ["a", "b"]
        with world.control.path(LOG).open("a") as log:
            log.write("f" * 64 + ' {"number":3')
        append_record(ssh, replace(record(), run="c"))
    proof = verify(log_text(world))
    assert (proof.lines, proof.faults, len(proof.notes)) == (3, (), 1)


def test_a_prefect_server_or_a_control_node_that_is_away_costs_a_run_one_of_its_records(
    world: World, cluster: Any, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is written when Prefect's server is gone; a control node that says nothing is given up in time.

    By a key: a password is sent only when Prefect's server told that it was never rejected (promise P9).
    """
    world.control.path(STATE).mkdir(parents=True)
    key = paramiko.ECDSAKey.generate()
    world.control.write("/home/pbx/.ssh/authorized_keys", f"{key.get_name()} {key.get_base64()} anna\n", 0o600)
    key.write_private_key(text := StringIO())
    cluster = edited(cluster, "control", private_key=SecretStr(text.getvalue()))
    order = Order("stop", cluster.name, False, (), "anna", "")

    @flow(name="ends-alone")
    def ends(server: Link | None = None) -> None:
        with recorded(cluster, order):
            if server:
                server.refuse()
                server.cut()

    with Link(urlsplit(prefect_server).port or 0) as server:
        away = {PREFECT_API_URL: f"http://127.0.0.1:{server.port}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
        with temporary_settings(away), pytest.raises(TransportError):
            ends(server)
    assert [(each.outcome, each.trigger.how, beside(each.run)) for each in logged(world)] == [
        ("done", "UI, CLI or API", [])
    ]
    monkeypatch.setattr("flows.tasks.record.AUDIT_WAIT", 0.5)
    with frozen(world):
        run = read_run(ends(return_state=True))
    assert run.ended == "COMPLETED"
    assert [head for _, head in beside(run.id)] == [None]
    assert len(logged(world)) == 1


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """Let the control node say nothing."""
    world.control.link.freeze()
    try:
        yield
    finally:
        world.control.link.thaw()
