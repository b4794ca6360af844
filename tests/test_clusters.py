"""A cluster gets its deployments by one command and loses them by another, on a real Prefect server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Completed
from pydantic import SecretStr

from blocks.clickhouse import ClickHouse
from blocks.cluster import DataFlowCluster
from blocks.docker_host import DockerHost
from blocks.pbx import PbxApi
from blocks.ssh import SshHost
from flows.operating.clusters import OURS, clusters, for_cluster, main, ours, title
from tests.sandbox.saved_blocks import schemas_made_once
from tests.test_deployments import FILE, pool  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[1]


def command(server: str, *words: str) -> str:
    """Run the command as a person does, in a process of its own; returns what it said, errors too."""
    argv = [sys.executable, "-m", "flows.operating.clusters", *words]
    environment = {**os.environ, "PREFECT_API_URL": server}
    return subprocess.run(argv, cwd=ROOT, env=environment, text=True, stdout=-1, stderr=subprocess.STDOUT).stdout


def save_cluster(name: str) -> None:
    """Save a block under this name; nobody listens at its addresses."""
    host, pbx = SshHost(host="127.0.0.1"), PbxApi(host="127.0.0.1", user="admin", password=SecretStr("x"))
    cluster = DataFlowCluster(
        name=name, control=host, server=host, pbx=pbx, docker=DockerHost(), clickhouse=ClickHouse()
    )
    with schemas_made_once():
        cluster.save(name, overwrite=True)


def deployed(client: SyncPrefectClient, name: str) -> dict[str, DeploymentResponse]:
    """Every deployment of ours with this name."""
    return {title(client, each): each for each in ours(client, OURS) if each.name == name}


def named(said: str, word: str) -> set[str]:
    """The deployments of prod-eu on the lines that begin with this word."""
    lines = [line.removeprefix(f"{word} ") for line in said.splitlines() if line.startswith(f"{word} ")]
    return {line for line in lines if line.endswith("/prod-eu")}


@pytest.mark.matrix
@pytest.mark.usefixtures("pool")
def test_a_cluster_is_a_block_and_one_command(prefect_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own deployment of every flow refuses wrong parameters; with its block gone, one command removes them."""
    with get_client(sync_client=True) as client:
        save_cluster("prod-eu")
        said = command(prefect_server, "add", "prod-eu")
        assert said.count("deployed ") == len(for_cluster(FILE, "prod-eu")), said
        found = deployed(client, "prod-eu")
        assert len(found) == len(for_cluster(FILE, "prod-eu"))
        document = client.read_block_document_by_name("prod-eu", "data-flow-cluster")
        for each in found.values():
            # Not by its slug, which the form does not show, and no copy of the block with its secrets.
            assert each.parameters["cluster"] == {"$ref": {"block_document_id": str(document.id)}}
            assert each.enforce_parameter_schema
        upgrade = found["upgrade-data-flow/prod-eu"]
        with pytest.raises(PrefectHTTPStatusError, match="keep_days"):
            client.create_flow_run_from_deployment(upgrade.id, parameters={"requested_by": "Ada", "keep_days": -1})
        watching = client.read_deployment_by_name("reconcile-data-flow/prod-eu")
        assert [(s.slug, s.active) for s in watching.schedules] == [("every-15-minutes", True)]

        main(["prune"])
        assert "/prod-eu" not in capsys.readouterr().out  # what other stories left on this server may be named
        run = client.create_flow_run_from_deployment(watching.id, state=Completed())
        client.delete_block_document(document.id)
        assert "prod-eu" not in clusters(client)
        main(["prune"])
        assert named(capsys.readouterr().out, "would remove") == found.keys()
        assert deployed(client, "prod-eu").keys() == found.keys()
        main(["prune", "--yes"])
        assert named(capsys.readouterr().out, "removed") == found.keys()
        assert deployed(client, "prod-eu") == {}
        assert client.read_flow_run(run.id).state_name == "Completed"  # the history stays


def test_a_cluster_without_a_block_is_refused(prefect_server: str) -> None:
    """A name that is misspelt would make deployments whose runs all fail."""
    save_cluster("prod-us")
    with pytest.raises(SystemExit, match="no block data-flow-cluster/prod-xx"):
        main(["add", "prod-xx"])
