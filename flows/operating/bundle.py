"""Makes the proof bundle of one run, a zip that tells by itself whether somebody altered it, and checks one.

    python -m flows.operating.bundle RUN [--cluster NAME] [--out FILE]
    python -m flows.operating.bundle check FILE

RUN is the id of a flow run, or the address of its page. A bundle holds the run's record, its report, the transcript of
the vendor's script, the snapshots of all tables, and the lines of the audit log from the record to one whose hash was
noted elsewhere. The check needs no network; its exit code is 0 when nothing was altered, else 1.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.audit.bundle import TRANSCRIPT, bundle, check, digests_of
from flows.core.audit.chain import Head, digest
from flows.core.audit.read import lines_of
from flows.core.audit.record import ChangeRecord
from flows.errors import DataFlowError
from flows.recorded import artifact_key
from flows.tasks.audit_log import read_log
from flows.tasks.change_state import fetch
from flows.tasks.gather import saved_clusters
from flows.tasks.past_artifacts import HEALTH, RECORDS, read_copies, read_heads
from flows.tasks.past_runs import all_of

REPORT, SNAPSHOT = "report.md", ".json"
"""How the record names its report, and how it names snapshots."""


def main(words: list[str] | None = None) -> int:
    """Do what the words of the command line ask for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.operating.bundle", description=__doc__)
    parser.add_argument("run", help="id of a flow run or address of its page; or the word check")
    parser.add_argument("file", nargs="?", type=Path, help="behind check: the bundle")
    parser.add_argument("--cluster", default="", help="name of the cluster's block; else all are searched")
    parser.add_argument("--out", type=Path, help="where the bundle goes (RUN.zip)")
    asked = parser.parse_args(words)
    if asked.run == "check" and asked.file:
        found = check(_files(asked.file))
        print(found.summary)
        return 1 if found.altered else 0
    if asked.file or asked.run == "check":
        parser.error("say either RUN, or check FILE")
    run = asked.run.rstrip("/").rpartition("/")[2]
    _make(run, asked.cluster, asked.out or Path(f"{run}.zip"))
    return 0


def _files(place: Path) -> dict[str, str]:
    """What a bundle holds; raises `SystemExit` for a file that is none."""
    try:
        with zipfile.ZipFile(place) as archive:
            return {name: archive.read(name).decode() for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, zlib.error, UnicodeDecodeError) as error:
        raise SystemExit(f"ALTERED, or never a bundle: {place} cannot be read: {error}") from error


def _make(run: str, cluster: str, out: Path) -> None:
    with get_client(sync_client=True) as client:
        saved = [each for each in saved_clusters(client) if cluster in ("", each.block, each.name)]
        for each in saved:
            loaded = DataFlowCluster.load(each.block)
            assert isinstance(loaded, DataFlowCluster)
            try:
                with loaded.control.get_client(name="pbx01") as ssh:
                    if files := _of_cluster(client, loaded, ssh, run):
                        _write(out, files)
                        return
            except DataFlowError as error:
                print(f"{each.name}: not searched: {error}", file=sys.stderr)
    raise SystemExit(
        f"No audit log holds a record of run {run}; searched: {', '.join(e.name for e in saved) or 'none'}."
    )


def _of_cluster(client: SyncPrefectClient, cluster: DataFlowCluster, ssh: SshClient, run: str) -> dict[str, str]:
    """The files of the bundle; empty where this cluster's log knows nothing of the run."""
    log = read_log(ssh)
    records = [record for record in lines_of(log).records if record.run == run]
    if not records:
        return {}
    record = records[-1]
    kept = dict(_kept(client, cluster, ssh, record))
    for name in sorted(digests_of(record).keys() - kept.keys()):
        print(f"{name} is not kept anywhere any more; the check will say that it is missing", file=sys.stderr)
    return bundle(record, kept, log, _heads(client, cluster))


def _kept(
    client: SyncPrefectClient, cluster: DataFlowCluster, ssh: SshClient, record: ChangeRecord
) -> Iterator[tuple[str, str]]:
    for name, hash in digests_of(record).items():
        if name == REPORT:
            text = _report(client, cluster, record, hash)
        elif name == TRANSCRIPT and record.script:
            text = ssh.read(f"{record.script.folder}/log")
        else:
            text = fetch(ssh, record.change, name.removesuffix(SNAPSHOT))
        if text is not None:
            yield name, text


def _report(client: SyncPrefectClient, cluster: DataFlowCluster, record: ChangeRecord, hash: str) -> str | None:
    """The report with this digest, else the newest of the run; a late one lies under the run that wrote it."""
    by_run = {"flow_run_id": {"any_": [record.run]}, "type": {"any_": ["markdown"]}}
    by_key = {"key": {"any_": [artifact_key("report", cluster)]}}
    only = {"artifacts": by_key if record.late else by_run, "sort": "CREATED_DESC"}
    reports = [str(each["data"]) for each in all_of(client, "/artifacts/filter", only)]
    return next((text for text in reports if digest(text) == hash), next(iter(reports), None))


def _heads(client: SyncPrefectClient, cluster: DataFlowCluster) -> list[Head]:
    """Every head of this cluster's log that was noted elsewhere."""
    copies = read_copies(client, {}, [artifact_key(RECORDS, cluster)]).copies.values()
    noted = read_heads(client, {artifact_key(HEALTH, cluster): cluster.name}).get(cluster.name, [])
    return [*noted, *(copy.head for each in copies for copy in each if copy.head)]


def _write(out: Path, files: Mapping[str, str]) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    print(f"{out}: {', '.join(files)}")


if __name__ == "__main__":
    sys.exit(main())
