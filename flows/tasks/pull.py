"""Pulls the images while nothing is down yet, with a progress artifact in the UI."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast
from uuid import UUID

import docker
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome
from flows.core.numbers import PULL_REPORT
from flows.core.words import size
from flows.errors import CommandFailed
from flows.tasks.look_docker import NOT_INSTALLED, read_docker
from flows.tasks.policy import PREPARE, told


@task(name="pull-image", task_run_name="pull-image", **PREPARE)
def pull_images(cluster: DataFlowCluster, references: Sequence[str], needed: bool) -> Outcome:
    """Pull each image unless the service runs already; the details name ids and digests.

    Raises `AccessDenied` or `APIError` when the registry refuses, `Unreachable` when it does not answer.
    """
    with cluster.server.get_client(name="server") as ssh:
        try:
            return told(_pull_all(cluster, ssh, references, needed))
        except CommandFailed as error:
            if not needed or error.exit_code != NOT_INSTALLED:
                raise
            message = "Docker is not installed yet: the vendor's script installs it and pulls the images itself"
            return told(Outcome("pull-image", False, message))


def _pull_all(cluster: DataFlowCluster, ssh: SshClient, references: Sequence[str], needed: bool) -> Outcome:
    with cluster.docker.get_client(ssh) as client:
        before = {image.reference: image.id for image in read_docker(client, references).images or ()}
        for reference in references if needed else ():
            _pull(cluster, client, reference)
        images = {i.reference: i for i in read_docker(client, references).images or () if i.reference in references}
    details = {r: f"{i.id} {' '.join(i.digests)}".strip() for r, i in images.items()}
    new = [r for r, image in images.items() if before.get(r) != image.id]
    if new:
        said = ", ".join(f"{r} ({size(images[r].size)}, version {images[r].version or 'not told'})" for r in new)
        return Outcome("pull-image", True, f"pulled {said}", details)
    return Outcome("pull-image", False, f"{' and '.join(references)} are on the server", details)


def _pull(cluster: DataFlowCluster, client: docker.DockerClient, reference: str) -> None:
    """Pull one image and show how far it is, at most once a second: each update is a call to the Prefect server."""
    artifact = cast(UUID, create_progress_artifact(0.0, description=f"Pulling {reference}"))
    layers: dict[str, tuple[int, int]] = {}
    shown = time.monotonic()
    for step in cluster.docker.pull(client, reference):
        if step.total:
            layers[step.layer] = (step.done, step.total)
        if layers and time.monotonic() - shown > PULL_REPORT:
            done, total = (sum(pair) for pair in zip(*layers.values(), strict=True))
            shown = time.monotonic()
            update_progress_artifact(artifact, 100 * done / total)
            get_run_logger().info("%s: %s of %s", reference, size(done), size(total))
    update_progress_artifact(artifact, 100.0, description=f"Pulled {reference}")
