"""prefect.yaml, checked: it ignores unknown keys and notices wrong parameters only when a run starts."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import flows
from flows.operating.clusters import FOR_ALL, FOR_NONE, for_cluster
from tests.sandbox.prefect_server import ask

ROOT = Path(__file__).parents[1]
FILE: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
BESIDES = FILE["definitions"]["of-a-cluster"]
OF_A_CLUSTER = for_cluster(FILE, "prod-eu")
DEPLOYMENTS: list[dict[str, Any]] = [*FILE["deployments"], *OF_A_CLUSTER]
POOL = json.loads((ROOT / "flows" / "work-pool.json").read_text())

KEYS = {
    "": {"pull", "definitions", "deployments"},
    "deployment": {
        "name",
        "entrypoint",
        "description",
        "tags",
        "parameters",
        "work_pool",
        "concurrency_limit",
        "enforce_parameter_schema",
        "schedules",
    },
    "work_pool": {"name", "work_queue_name", "job_variables"},
    "concurrency_limit": {"limit", "collision_strategy", "grace_period_seconds"},
    # No `active`: it would start again what an operator paused.
    "schedule": {"cron", "timezone", "slug", "parameters"},
}

each = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: f"{d.get('entrypoint')}-{d.get('name')}")


def entry(deployment: dict[str, Any]) -> Any:
    """The flow that the entrypoint names."""
    module, _, name = deployment["entrypoint"].rpartition(".")
    return getattr(importlib.import_module(module), name)


def all_flows() -> set[str]:
    """The entrypoint of every flow that a module directly in `flows` defines."""
    from prefect import Flow

    found = set()
    for info in pkgutil.iter_modules(flows.__path__, "flows."):
        if not info.ispkg:
            module = importlib.import_module(info.name)
            found |= {
                f"{info.name}.{name}"
                for name, value in vars(module).items()
                if isinstance(value, Flow) and value.fn.__module__ == info.name
            }
    return found


def test_the_file_has_no_unknown_key() -> None:
    """A misspelt key at the top would be ignored in silence."""
    assert set(FILE) <= KEYS[""]
    assert FILE["pull"] == []
    assert set(BESIDES) == {"concurrency_limit", "schedules"}
    assert set(BESIDES["schedules"]) <= {deployment["entrypoint"] for deployment in DEPLOYMENTS}


@each
def test_a_deployment_has_no_unknown_key(deployment: dict[str, Any]) -> None:
    """A misspelt key, as `concurency_limit`, would be ignored in silence."""
    assert set(deployment) <= KEYS["deployment"]
    assert set(deployment["work_pool"]) <= KEYS["work_pool"]
    assert set(deployment.get("concurrency_limit", {})) <= KEYS["concurrency_limit"]
    for schedule in deployment.get("schedules", []):
        assert set(schedule) <= KEYS["schedule"]
        assert schedule["timezone"]


@each
def test_an_entrypoint_is_a_flow_of_the_installed_package(deployment: dict[str, Any]) -> None:
    """The entrypoint is a module path (no file, which would be loaded a second time) and names a flow."""
    from prefect import Flow

    assert ":" not in deployment["entrypoint"]
    assert isinstance(entry(deployment), Flow)


@each
def test_the_parameters_are_ones_that_the_flow_has(deployment: dict[str, Any]) -> None:
    """A parameter that the flow does not have would fail the run when it starts, not the deploy."""
    known = set(inspect.signature(entry(deployment).fn).parameters)
    given = set(deployment.get("parameters", {}))
    for schedule in deployment.get("schedules", []):
        given |= set(schedule.get("parameters", {}))
    assert given <= known


@each
def test_a_deployment_says_what_it_does_and_shares_the_pool(deployment: dict[str, Any]) -> None:
    """What it changes, takes and may meet, where the guide has it; outages fail no run, logs come soon."""
    for said in (r"^\*\*", r"^- \*\*Changes\*\*", r"^- \*\*Takes\*\*", r"^- \*\*Can go wrong\*\*"):
        assert re.search(said, deployment["description"], re.MULTILINE), said
    environment = deployment["work_pool"]["job_variables"]["env"]
    assert environment == {"PREFECT_CLIENT_MAX_RETRIES": "10", "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "1"}


@each
def test_a_change_begins_as_a_dry_run_and_is_told_apart(deployment: dict[str, Any]) -> None:
    """By its tag the automations know a change; and nobody changes a cluster by one click too many."""
    changes = "dry_run" in inspect.signature(entry(deployment).fn).parameters
    assert ("change" in deployment["tags"]) == changes
    assert deployment.get("parameters", {}).get("dry_run") == (changes or None)
    assert "data-flow" in deployment["tags"]
    if changes:
        assert "(Guide: *" in deployment["description"] or "(Not in the guide: " in deployment["description"]
        assert "*Dry run* on" in deployment["description"]


def test_a_cluster_has_deployments_of_its_own() -> None:
    """For every flow, of that cluster's block, one run at a time, on schedules that an operator may pause."""
    shared = [deployment for deployment in FILE["deployments"] if FOR_ALL in deployment["tags"]]
    assert [entry(deployment).name for deployment in shared] == ["check-all-data-flow-health", "audit-data-flow"]
    before = [deployment for deployment in FILE["deployments"] if FOR_NONE in deployment["tags"]]
    assert [entry(deployment).name for deployment in before] == ["first-contact"]
    assert len(OF_A_CLUSTER) == len(FILE["deployments"]) - len(shared) - len(before)
    for deployment in OF_A_CLUSTER:
        assert (deployment["name"], deployment["tags"][-1]) == ("prod-eu", "cluster:prod-eu")
        assert deployment["parameters"]["cluster"] == {"$ref": {"block_document_slug": "data-flow-cluster/prod-eu"}}
        assert deployment["concurrency_limit"]["limit"] == 1
    assert {d["entrypoint"]: d["schedules"] for d in OF_A_CLUSTER if d["schedules"]} == BESIDES["schedules"]
    # Those of the file serve all clusters: they must not keep one waiting for another, and know no cluster to look at.
    assert [d for d in FILE["deployments"] if {"concurrency_limit", "schedules"} & set(d)] == shared[1:]
    known = [*shared, *before]
    assert [d for d in known if "concurrency_limit" in d or "cluster" in entry(d).parameters.properties] == []


def test_a_form_refuses_a_negative_age() -> None:
    """How old a restore point may get is bounded where it is typed, before a run starts."""
    ages = [entry(deployment).parameters.properties.get("keep_days") for deployment in DEPLOYMENTS]
    assert {age["minimum"] for age in ages if age} == {0}


def test_every_flow_has_a_deployment() -> None:
    """A flow without one cannot be started from the UI."""
    assert all_flows() == {deployment["entrypoint"] for deployment in DEPLOYMENTS}


def test_names_are_unique_within_a_flow() -> None:
    """Of two with the same name, the second would replace the first."""
    names = [(deployment["entrypoint"], deployment["name"]) for deployment in DEPLOYMENTS]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def pool(prefect_server: str) -> Iterator[httpx.Client]:
    """The work pool of flows/work-pool.json on a real server; yields a client of its API."""
    with httpx.Client(base_url=prefect_server, timeout=120) as http:
        body = {"name": "on-premises", "type": "process", "base_job_template": POOL}
        # A conflict: the first of several times that it was asked did work after all.
        assert ask(http, "POST", "/work_pools/", body).status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)
        yield http


def deploy(pool: httpx.Client, variables: dict[str, Any]) -> httpx.Response:
    """Create a deployment with these job variables."""
    flow = ask(pool, "POST", "/flows/", {"name": "any"}).raise_for_status().json()
    body = {"name": "any", "flow_id": flow["id"], "work_pool_name": "on-premises", "job_variables": variables}
    return ask(pool, "POST", "/deployments/", body)


@pytest.mark.parametrize(
    "variables",
    [
        {"command": "touch /tmp/owned"},
        {"working_dir": "/root"},
        {"env": {"PYTHONPATH": "/tmp/foreign"}},
        {"env": {"PREFECT_CLIENT_MAX_RETRIES": "ten"}},
    ],
)
def test_the_pool_refuses_what_would_run_foreign_code_on_the_worker(
    pool: httpx.Client, variables: dict[str, Any]
) -> None:
    """Everybody who can start a run could else run a program of his own on the worker's host."""
    assert deploy(pool, variables).is_client_error


@each
def test_the_pool_accepts_what_the_deployments_set(pool: httpx.Client, deployment: dict[str, Any]) -> None:
    """The job variables of prefect.yaml pass the pool's template."""
    assert deploy(pool, deployment["work_pool"]["job_variables"]).is_success
