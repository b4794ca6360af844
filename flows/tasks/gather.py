"""Gathers for an audit what Prefect, the audit logs and the hosts tell; who cannot be asked ends nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from prefect import task
from prefect.client.orchestration import SyncPrefectClient, get_client

from blocks.cluster import DataFlowCluster
from flows.core.audit.asked import Gathered
from flows.core.audit.chain import Head
from flows.core.audit.ending import Run
from flows.core.audit.history import Log, Trace
from flows.core.audit.prefect_says import BLOCK
from flows.core.audit.read import Lines, log_of
from flows.core.change import Outcome, Told
from flows.errors import DataFlowError
from flows.recorded import artifact_key
from flows.tasks.look import in_thread
from flows.tasks.look_traces import look_control, look_server
from flows.tasks.past_artifacts import HEALTH, Artifacts, read_copies, read_heads
from flows.tasks.past_runs import all_of, read_named_runs, read_runs
from flows.tasks.policy import LOOK, once_more, told
from flows.tasks.preflight import window_of

AT_ONCE = 8
"""Clusters whose hosts are asked at the same time."""


class Saved(NamedTuple):
    """A saved cluster: the block's id and name, and what the cluster itself is called."""

    id: str
    block: str
    name: str


@dataclass(frozen=True)
class _Seen:
    """What one cluster told; `trouble` and `untraced` say why its control node or its server did not."""

    name: str
    cluster: DataFlowCluster | None = None
    lines: Lines | None = None
    traces: tuple[Trace, ...] = ()
    trouble: str = ""
    untraced: str = ""


@task(name="gather", task_run_name="gather", **LOOK)
def gather(clusters: Sequence[str]) -> Told[Gathered]:
    """Ask all sources about these clusters (none: all), called as they or their blocks are.

    Raises `DataFlowError` for a name that nobody knows.
    """
    with get_client(sync_client=True) as client:
        saved = saved_clusters(client)
        names = {key: each.name for each in saved for key in (each.id, each.block)}
        wanted = {names.get(each, each) for each in clusters}
        with ThreadPoolExecutor(max_workers=AT_ONCE + 1) as pool:  # Prefect's server answers while logs are read
            runs = in_thread(pool, lambda: read_runs(client, names))
            asked = [each for each in saved if not wanted or each.name in wanted]
            looks = [in_thread(pool, partial(_look, each)) for each in asked]
            seen = [look.result() for look in looks]
            found = _joined(client, seen, names, runs)
    _refuse_unknown(wanted, {*names.values(), *_clusters(found)})
    unread = "".join(f"; {log.cluster} was not read" for log in found.logs if log.trouble)
    return told(Outcome("gather", None, f"{len(found.runs):,} runs, {len(found.logs)} audit logs{unread}"), found)


def saved_clusters(client: SyncPrefectClient) -> list[Saved]:
    """Every saved cluster."""
    only = {"block_types": {"slug": {"any_": [BLOCK]}}, "sort": "NAME_ASC"}
    found = all_of(client, "/block_documents/filter", only)
    return [Saved(each["id"], each["name"], str(each["data"].get("name") or each["name"])) for each in found]


def load_cluster(saved: Saved) -> DataFlowCluster | str:
    """The block, or why it cannot be loaded; to be called in a thread that has no event loop."""
    try:
        cluster = DataFlowCluster.load(saved.block)
        assert isinstance(cluster, DataFlowCluster)  # else it is a coroutine
    except Exception as error:  # Prefect and pydantic raise what they like, and name values in it
        return f"its block cannot be loaded ({type(error).__name__})"
    return cluster


def _look(saved: Saved) -> _Seen:
    name, cluster = saved.name, load_cluster(saved)
    if isinstance(cluster, str):
        return _Seen(name, trouble=cluster)
    try:
        lines, traces = once_more(lambda: look_control(cluster))
    except DataFlowError as error:
        return _Seen(name, cluster, trouble=str(error))
    try:
        return _Seen(name, cluster, lines, (*traces, *once_more(lambda: look_server(cluster))))
    except DataFlowError as error:
        return _Seen(name, cluster, lines, traces, untraced=str(error))


def _joined(
    client: SyncPrefectClient, seen: Sequence[_Seen], names: Mapping[str, str], began: Future[dict[str, Run]]
) -> Gathered:
    """What Prefect tells beside what the hosts told."""
    by_text = {text: record for each in seen if each.lines for text, record in each.lines.by_text.items()}
    kept = read_copies(client, by_text)
    runs = began.result()
    runs |= read_named_runs(client, {record.run for record in by_text.values()} - runs.keys(), names)
    checks = {artifact_key(HEALTH, each.cluster): each.name for each in seen if each.cluster}
    heads = read_heads(client, checks)
    return Gathered(
        tuple(runs.values()),
        tuple(_log(each, kept, heads.get(each.name, ())) for each in seen),
        kept.copies,
        # What other people keep under such a key is none of ours.
        {run: why for run, why in kept.damaged.items() if run in runs},
        {each.name: window_of(each.cluster) for each in seen if each.cluster},
    )


def _log(seen: _Seen, kept: Artifacts, heads: Collection[Head]) -> Log:
    if seen.lines is None:
        return Log(seen.name, trouble=seen.trouble)
    ids = {record.id for record in seen.lines.records}
    # A cluster may have been called otherwise when a run noted a head of its log.
    copies = [copy for each in kept.copies.values() for copy in each if copy.head]
    noted = [c.head for c in copies if c.head and (c.record.cluster == seen.name or c.record.id in ids)]
    return log_of(seen.name, seen.lines, (*noted, *heads), seen.traces, seen.untraced)


def _clusters(found: Gathered) -> set[str]:
    kept = (copy.record.cluster for each in found.copies.values() for copy in each)
    return {*kept, *(run.cluster for run in found.runs)}


def _refuse_unknown(wanted: set[str], known: set[str]) -> None:
    if strange := sorted(wanted - known):
        hint = f"Known are: {', '.join(sorted(known - {''})) or 'none'}. Leave the field empty for all."
        raise DataFlowError("this audit", "finding the clusters", f"nobody knows {', '.join(strange)}", hint)
