"""The copy that a rehearsal opens: whether there is room, how it is made while ClickHouse serves, how it goes again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect import get_run_logger, task

from blocks.clickhouse import ClickHouseClient
from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome, Told
from flows.core.data import questions
from flows.core.data.compare import compare
from flows.core.data.snapshot import DataSnapshot
from flows.core.findings import Finding, errors, lower
from flows.core.numbers import STATE_FOLDER
from flows.core.rehearsal import LABEL, UID, frozen_name, on_disk, reference
from flows.core.rehearsal_room import Room, unfit
from flows.core.rehearsal_seen import Copy, Held, Shared
from flows.core.words import duration, size
from flows.errors import APIError, CommandFailed, PreflightFailed, VerificationFailed
from flows.tasks.data import read_data
from flows.tasks.policy import LOOK, ONCE, told
from flows.tasks.preflight import log_findings
from flows.tasks.programs import ask_program
from flows.tasks.settle import gate

UNDER_WAY = f"{STATE_FOLDER}/rehearsal.json"
"""Says on the control node which rehearsal has something on the server, until it is removed there."""

_PROGRAM, _BESIDE = "rehearsal", ("restore_point", "linked_copy")
_GONE = (60, 81)  # a table or database that was dropped since it was listed: logs of the server come and go


@task(name="room", task_run_name="room", **LOOK)
def look_for_room(cluster: DataFlowCluster, vcpu: int, lowered: Sequence[str]) -> Told[tuple[Finding, ...]]:
    """See whether the server has disk, memory and time to spare; raises `PreflightFailed` with the figures."""
    with cluster.server.get_client(name="server") as ssh:
        words = (cluster.data_path, "/proc/meminfo", "/proc/loadavg")
        room = Room(**ask_program(ssh, _PROGRAM, "room", *words, beside=_BESIDE))
    found = lower(unfit(room, vcpu), lowered)
    log_findings(found)
    if refusing := errors(found):
        said = "; ".join(f"{f.id}: {f.message}" for f in refusing)
        raise PreflightFailed(ssh.where, "looking for room", said, f"{refusing[0].hint} Nothing was changed.")
    said = f"{size(room.part_bytes)} in {room.parts:,} parts would be linked, {size(room.copied_bytes)} copied; "
    said += f"{size(room.free)} of disk and {size(room.memory)} of memory are free, the load is {room.load:g}"
    return told(Outcome("room", None, said), found)


@task(name="copy-data", task_run_name="copy-data", **ONCE)
def copy_data(cluster: DataFlowCluster, name: str) -> Told[tuple[Copy, Held]]:
    """Link every part of every MergeTree table where it is, and copy the rest, while ClickHouse goes on serving.

    The tables are read before and after. Raises `VerificationFailed` for a ClickHouse that is not ready.
    """
    began = time.monotonic()
    with _under_way(cluster, name) as ssh:
        with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
            if trouble := gate(clickhouse):
                raise VerificationFailed(ssh.where, "looking at ClickHouse", trouble, "Press Retry in a minute.")
            before = read_data(clickhouse)
            _refuse_disks(ssh, before)
            _freeze(clickhouse, frozen_name(name))
            after = read_data(clickhouse)
        copy = _make(cluster, ssh, "make", name, began)
    return told(_copied(copy), (copy, Held(before, reference(before, after, copy.parts))))


@task(name="copy-data", task_run_name="copy-data", **ONCE)
def copy_stopped(cluster: DataFlowCluster, name: str) -> Told[Copy]:
    """The same of a ClickHouse that is stopped, from its files; it cannot be started in these seconds."""
    began = time.monotonic()
    with _under_way(cluster, name) as ssh:
        copy = _make(cluster, ssh, "make_at_rest", name, began)
    return told(_copied(copy), copy)


@contextmanager
def _under_way(cluster: DataFlowCluster, name: str) -> Iterator[SshClient]:
    """The server, after it is written down that something of this rehearsal may be on it."""
    with cluster.control.get_client(name="pbx01") as control:
        control.write(UNDER_WAY, json.dumps({"id": name, "data_path": cluster.data_path}))
    with cluster.server.get_client(name="server") as ssh:
        yield ssh


def _make(cluster: DataFlowCluster, ssh: SshClient, verb: str, name: str, began: float) -> Copy:
    made = ask_program(ssh, _PROGRAM, verb, cluster.data_path, name, str(UID), beside=_BESIDE)
    linked, linked_bytes, copied_bytes = (int(made[key]) for key in ("linked", "linked_bytes", "copied_bytes"))
    seconds = time.monotonic() - began
    return Copy(name, int(made["gid"]), made["parts"], linked, linked_bytes, copied_bytes, seconds)


def _copied(copy: Copy) -> Outcome:
    said = f"{copy.linked:,} files, {size(copy.linked_bytes)}, by hard links; {size(copy.copied_bytes)} copied; "
    return Outcome("copy-data", True, f"{said}in {duration(copy.seconds)}")


_TABLES = """
SELECT database, name FROM system.tables WHERE NOT is_temporary AND endsWith(engine, 'MergeTree') AND has_own_data
"""


def _freeze(clickhouse: ClickHouseClient, name: str) -> None:
    """Also the server's own logs: what cannot load one of them does not start."""
    for row in clickhouse.query(_TABLES):
        table = questions.quoted(row["database"], row["name"])
        try:
            clickhouse.execute(f"ALTER TABLE {table} FREEZE WITH NAME {questions.text(name)}")
        except APIError as error:
            if error.code not in _GONE:
                raise


def _refuse_disks(ssh: SshClient, data: DataSnapshot) -> None:
    disks = [each.name for each in data.others if each.kind == "disk" and each.name != "default"]
    if disks:
        hint = "A rehearsal knows one disk. Try the new version on a copy of this server instead."
        raise CommandFailed(ssh.where, "copying the data", f"ClickHouse has further disks: {', '.join(disks)}", hint)


@task(name="compare-shared", task_run_name="compare-shared", **LOOK)
def compare_shared(cluster: DataFlowCluster, name: str, serving: DataSnapshot | None) -> Told[Shared]:
    """Look at every shared file again: the same inode, size and time, and content as far as it was read.

    `serving` is what a ClickHouse that serves held at the start: its tables are read once more, too.
    """
    with cluster.server.get_client(name="server") as ssh:
        answer = ask_program(ssh, _PROGRAM, "compare", cluster.data_path, name, beside=_BESIDE)
        live = _still_there(cluster, ssh, serving) if serving else ""
    shared = Shared(**{**answer, "differing": tuple(answer["differing"])}, live=live)
    if shared.differing:
        listed = ", ".join(shared.differing[:3])
        get_run_logger().error("Files of the server were WRITTEN: %s", listed)
        hint = "Check these tables (CHECK TABLE) now, and report this: it must not be possible."
        said = f"{len(shared.differing)} shared files are not as they were: {listed}"
        raise VerificationFailed(ssh.where, "comparing the shared files", said, hint)
    said = f"{shared.files:,} shared files have their inode, size and time; the content of {shared.digested:,} was read"
    return told(Outcome("compare-shared", None, f"{said}; {live}" if live else said), shared)


def _still_there(cluster: DataFlowCluster, ssh: SshClient, before: DataSnapshot) -> str:
    """How the live tables compare with what they held before; whatever the cause, a loss is not passed over."""
    with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
        verdict = compare(on_disk(before), on_disk(read_data(clickhouse)))
    if verdict.failed:
        hint = "The rehearsal writes nothing there. Find out who did, before anything else is changed."
        raise VerificationFailed(ssh.where, "reading the live tables once more", verdict.summary, hint)
    return f"in its own tables: {verdict.summary}"


@task(name="remove-rehearsal", task_run_name="remove-rehearsal", **LOOK)
def remove_rehearsal(cluster: DataFlowCluster, *names: str, data_path: str = "") -> Outcome:
    """Remove containers, copies and links of these rehearsals, of all when none is named; the data stays."""
    with cluster.server.get_client(name="server") as ssh:
        with cluster.docker.get_client(ssh) as client:
            found = client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
            ours = [each for each in found if not names or each.labels.get(LABEL) in names]
            for container in ours:
                container.remove(v=True, force=True)
        answer = ask_program(ssh, _PROGRAM, "remove", data_path or cluster.data_path, *names, beside=_BESIDE)
    with cluster.control.get_client(name="pbx01") as control:
        control.run(["rm", "-f", UNDER_WAY])
    gone = [*(container.name or "" for container in ours), *answer["removed"]]
    return told(Outcome("remove-rehearsal", bool(gone), ", ".join(gone) or "nothing was there"))
