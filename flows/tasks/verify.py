"""Proves what stands at the end: the images that were pulled, the registration on the PBX, the rows of every table."""

from __future__ import annotations

import time
from collections.abc import Mapping

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from flows.core.addresses import same
from flows.core.change import Outcome, Told
from flows.core.installed import Service, service
from flows.core.numbers import REGISTRATION_POLL, REGISTRATION_WAIT
from flows.core.tables import SERVER, TABLES, Tables, read_tables
from flows.errors import VerificationFailed
from flows.tasks.look_docker import look_docker
from flows.tasks.look_pbx import registered
from flows.tasks.policy import LOOK, told
from flows.tasks.settle import gate


@task(name="verify-row-counts", task_run_name="verify-row-counts", **LOOK)
def verify(cluster: DataFlowCluster, wanted: Mapping[str, str]) -> Told[Tables]:
    """Compare the running images with the pulled ones, read the rows of every table, look for the registration.

    `wanted` maps the reference of the PBX image and that of ClickHouse to their ids, "" where none is known.
    Raises `VerificationFailed`.
    """
    with cluster.server.get_client(name="server") as ssh:
        found = service(look_docker(cluster, ssh), cluster.data_path)
        right_images(ssh.where, found, wanted)
        with cluster.clickhouse.get_client(ssh, cluster.data_path) as clickhouse:
            if trouble := gate(clickhouse):
                raise VerificationFailed(ssh.where, "looking at ClickHouse", trouble, "Press Retry in a minute.")
            tables = read_tables(clickhouse.query(SERVER)[0], clickhouse.query(TABLES))
    said = registration(cluster)
    message = f"{len(tables.tables)} tables, {tables.rows:,} rows, ClickHouse {tables.version}; {said}"
    return told(Outcome("verify-row-counts", None, message), tables)


def right_images(where: str, found: Service, wanted: Mapping[str, str]) -> None:
    """Raise `VerificationFailed` unless the containers run the wanted images (reference to id, "" where unknown)."""
    wrong = []
    for container, (reference, image_id) in zip((found.dataflow, found.clickhouse), wanted.items(), strict=True):
        runs = (container.image_id if image_id else container.image) if container else "nothing"
        if runs != (image_id or reference):
            wrong.append(f"{container.name if container else 'no container'} runs {runs}, not {image_id or reference}")
    if wrong:
        hint = "The vendor's script may have ignored -i or -d (portsip.md 4.1, trap 4). The data was not touched by us."
        raise VerificationFailed(where, "comparing the running images", "; ".join(wrong), hint)


def registration(cluster: DataFlowCluster) -> str:
    """What the PBX says of the new server; it may take a moment to show up, and old releases do not tell."""
    wanted = [a for a in (cluster.private_address, cluster.public_address) if a]
    deadline = time.monotonic() + REGISTRATION_WAIT
    with cluster.pbx.get_client() as pbx:
        while True:
            shown = registered(pbx)
            if shown is None:
                return "this PBX does not tell which Data Flow server is registered"
            if any(same(a, b) for a in wanted for b in shown):
                return f"registered on the PBX with {', '.join(shown)}"
            if time.monotonic() > deadline:
                get_run_logger().warning("The PBX does not show %s as its Data Flow server.", " or ".join(wanted))
                return f"NOT seen as registered on the PBX, which shows {', '.join(shown) or 'no address'}"
            time.sleep(REGISTRATION_POLL)
