"""Gives a cluster deployments of its own, and removes those that nothing asks for any more.

    python -m flows.operating.clusters add prod-eu
    python -m flows.operating.clusters prune [--yes]

Each deployment of prefect.yaml but those for all clusters or for none is repeated for the cluster: its block is filled
in, and what stands there under `of-a-cluster` is added. So there is one list, and a cluster is a block and one command.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError

FILE = Path(__file__).parents[2] / "prefect.yaml"
BLOCK = "data-flow-cluster"
OURS = "data-flow"
"""The tag of every deployment of this project."""
FOR_ALL = "every-cluster"
"""The tag of a deployment that serves all clusters in one run, so that none has one of its own."""
FOR_NONE = "no-cluster"
"""The tag of a deployment that comes before there is a cluster's block, so that none has one of its own either."""
PAGE = 200
"""As many as the server gives at once."""


def main(words: list[str] | None = None) -> None:
    """Do what the words of the command line ask for; ends with a message where that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m flows.operating.clusters", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    adding = verbs.add_parser("add", help="give a cluster its deployments; again after every upgrade of this package")
    adding.add_argument("cluster", help=f"name of the saved block ({BLOCK}/NAME)")
    pruning = verbs.add_parser(
        "prune", help="show the deployments that left prefect.yaml or whose cluster's block is gone"
    )
    pruning.add_argument("--yes", action="store_true", help="remove them; the history of their runs stays")
    asked = parser.parse_args(words)
    with get_client(sync_client=True) as client:
        if asked.verb == "add":
            add(client, asked.cluster)
        else:
            prune(client, remove=asked.yes)


def add(client: SyncPrefectClient, cluster: str) -> None:
    """Deploy every flow for this cluster; done again, it renews them. Raises `SystemExit` where there is no block."""
    saved = clusters(client)
    if cluster not in saved:
        raise SystemExit(f"There is no block {BLOCK}/{cluster}. Saved are: {', '.join(sorted(saved)) or 'none'}.")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"pull": [], "deployments": for_cluster(whole_file(), cluster)}, file)
        file.flush()
        words = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file.name]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}\nprefect deploy failed, see above.")
    for deployment in ours(client, tag_of(cluster)):
        # By its id only now: the form of the UI shows no block named by its slug, and `prefect deploy` puts the whole
        # block in the place of an id, secrets in clear. And checked only now: while a deployment is made, the check
        # refuses every `$ref`; the check of a run knows it.
        parameters = {**deployment.parameters, "cluster": {"$ref": {"block_document_id": saved[cluster]}}}
        client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters, enforce_parameter_schema=True))
        print(f"deployed {title(client, deployment)}")


def for_cluster(file: dict[str, Any], cluster: str) -> list[dict[str, Any]]:
    """The deployments of prefect.yaml as they are for one cluster alone."""
    besides = file["definitions"]["of-a-cluster"]
    return [
        {
            **deployment,
            "name": cluster,
            "tags": [*deployment["tags"], tag_of(cluster)],
            "parameters": {
                **deployment.get("parameters", {}),
                "cluster": {"$ref": {"block_document_slug": f"{BLOCK}/{cluster}"}},
            },
            "concurrency_limit": besides["concurrency_limit"],
            "schedules": besides["schedules"].get(deployment["entrypoint"], []),
            "enforce_parameter_schema": False,
        }
        for deployment in file["deployments"]
        if not {FOR_ALL, FOR_NONE} & {*deployment["tags"]}
    ]


def prune(client: SyncPrefectClient, *, remove: bool) -> None:
    """Show, or remove, each of our deployments that is not in prefect.yaml, or whose cluster has no block any more."""
    saved = clusters(client)
    kept = {(each["entrypoint"], name) for each in whole_file()["deployments"] for name in (each["name"], *saved)}
    stale = [each for each in ours(client, OURS) if (each.entrypoint, each.name) not in kept]
    for deployment in stale:
        said = title(client, deployment)
        if remove:
            client.delete_deployment(deployment.id)
        print(f"{'removed' if remove else 'would remove'} {said}")
    if not stale:
        print("nothing to remove")
    elif not remove:
        print("Nothing was removed yet: add --yes.")


def whole_file() -> dict[str, Any]:
    """What prefect.yaml says; raises `SystemExit` where this package was installed without it."""
    if not FILE.exists():
        raise SystemExit(f"There is no {FILE}: run this where the project's folder was installed with --editable.")
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


def clusters(client: SyncPrefectClient) -> dict[str, str]:
    """All saved clusters: name -> id of the block."""
    try:
        saved = client.read_block_documents_by_type(BLOCK, include_secrets=False)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        raise SystemExit("The server does not know our blocks yet: prefect block register -m blocks.cluster") from None
    return {str(document.name): str(document.id) for document in saved}


def ours(client: SyncPrefectClient, tag: str) -> list[DeploymentResponse]:
    """Every deployment with this tag, however many there are."""
    only = DeploymentFilter(tags=DeploymentFilterTags(all_=[tag]))
    found: list[DeploymentResponse] = []
    while len(page := client.read_deployments(deployment_filter=only, limit=PAGE, offset=len(found))) == PAGE:
        found += page
    return found + page


def title(client: SyncPrefectClient, deployment: DeploymentResponse) -> str:
    """Its name as the UI shows it."""
    return f"{client.read_flow(deployment.flow_id).name}/{deployment.name}"


def tag_of(cluster: str) -> str:
    """The tag of a cluster's own deployments."""
    return f"cluster:{cluster}"


if __name__ == "__main__":
    main()
