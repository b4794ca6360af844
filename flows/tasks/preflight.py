"""Judges a look by the rules of a change; all findings at once, before anything is changed (P2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from blocks.cluster import DataFlowCluster
from flows.core.change import Order, Outcome
from flows.core.findings import Finding, Level, errors, tally
from flows.core.window import Window
from flows.core.wish import Requirements, Wish
from flows.errors import PreflightFailed
from flows.tasks.policy import told


@task(name="preflight", task_run_name="preflight", cache_policy=NO_CACHE, persist_result=False)
def preflight(where: str, findings: Sequence[Finding], rules: int, quiet: bool = False) -> Outcome:
    """Show every finding (`quiet`: only errors), and refuse the change when one of them is an error."""
    log_findings(errors(findings) if quiet else findings)
    refusing = errors(findings)
    if refusing:
        listed = "; ".join(f"{f.id}: {f.message}" for f in refusing)
        hint = "Nothing was changed. The report says what to do about each; then press Retry."
        raise PreflightFailed(where, "preflight", f"{len(refusing)} finding(s) refuse the change: {listed}", hint)
    return told(Outcome("preflight", None, f"{rules} rules judged: {tally(findings)}"))


def log_findings(findings: Iterable[Finding], whose: str = "") -> None:
    """Say each finding in the run's log, as loudly as its level; `whose` stands before it where several are judged."""
    log = get_run_logger()
    for finding in findings:
        say = {Level.ERROR: log.error, Level.WARNING: log.warning, Level.NOTE: log.info}[finding.level]
        lowered = " (lowered)" if finding.lowered else ""
        say("%s%s%s: %s. %s", whose, finding.id, lowered, finding.message.rstrip("."), finding.hint)


def wish_of(cluster: DataFlowCluster, now: float, order: Order, run: str) -> Wish:
    """The block's settings and the order as the plain values that rules judge by; `now` in seconds since 1970."""
    figures: dict[str, Any] = cluster.requirements.model_dump()
    figures |= {key: tuple(value) for key, value in figures.items() if isinstance(value, list)}
    return Wish(
        data_path=cluster.data_path,
        private_address=cluster.private_address,
        public_address=cluster.public_address,
        pbx_image=cluster.pbx_image,
        clickhouse_image=cluster.clickhouse_image,
        user=cluster.server.user,
        pbx_address=cluster.pbx_address or cluster.pbx.host,
        pbx_ports=tuple(cluster.pbx_ports),
        calls_per_day=cluster.calls_per_day,
        retention_days=cluster.retention_days,
        bytes_per_call=cluster.bytes_per_call,
        image_bytes=int(cluster.image_gib * 2**30),
        script_folder=cluster.script_folder,
        script_name=cluster.script_name,
        whitelist_days=cluster.whitelist_days,
        data_device=cluster.data_device,
        token_by_hand=cluster.pbx.token_mode == "by hand",
        requirements=Requirements(**figures),
        now=now,
        new_token=order.new_token,
        run=run,
        cluster=cluster.name,
        verb=order.verb,
        confirm=order.confirm,
        restore_point=order.restore_point,
        keep_days=order.keep_days,
        rows_since=order.rows_since,
        window=window_of(cluster),
        require_rehearsal=order.require_rehearsal,
    )


def window_of(cluster: DataFlowCluster) -> Window:
    """When changes may be made, as the block says today."""
    window = cluster.maintenance_window
    return Window(tuple(window.days), window.start, window.end, window.time_zone)
