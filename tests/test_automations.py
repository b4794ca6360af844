"""The automations: each file is one that Prefect takes, and on a real server they do what their heads say."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, get_args
from uuid import uuid4

import pytest
import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.states import Failed

from flows.core import numbers
from flows.operating.automations import FOLDER, NAMES, main
from flows.recreate import Reason, recreate_data_flow


def automation(name: str) -> Any:
    """The file as Prefect reads it, with any ids where it names something of the server."""
    said = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    for action in said["actions"]:
        action |= {key: str(uuid4()) for key in ("deployment_id", "block_document_id") if key in action}
    return AutomationCore.model_validate(said)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_an_automation_of_one_trigger_and_one_action(name: str) -> None:
    """And is named as its file, by which it is found again."""
    found = automation(name)
    assert (found.name, isinstance(found.trigger, EventTrigger), len(found.actions)) == (name, True, 1)


def test_the_request_for_a_recreate_is_one_that_the_flow_takes() -> None:
    """It is a change that waits for approval, once per cluster for as long as that may take."""
    found = automation("recreate-after-drift")
    given = found.actions[0].parameters
    known = set(recreate_data_flow.parameters.properties)
    assert set(given) <= known
    assert (given["dry_run"], given["require_approval"], given["requested_by"]) == (False, True, "automation")
    assert found.trigger.for_each == {"prefect.resource.id"}
    assert found.trigger.within >= timedelta(seconds=numbers.APPROVAL_WAIT)


def emit(client: SyncPrefectClient, event: str, cluster: str) -> None:
    """Send the event as the health check does."""
    body = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": event,
        "resource": {"prefect.resource.id": f"dataflow.cluster.{cluster}", "prefect.resource.name": cluster},
        "payload": {"cluster": cluster, "findings": ["disk.full"], "message": 'it said "no"'},
    }
    client.request("POST", "/events", json=[body])


def soon(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it becomes true within the time."""
    end = time.monotonic() + seconds
    while not (so := true()) and time.monotonic() < end:
        time.sleep(0.2)
    return so


def requests(client: SyncPrefectClient) -> list[FlowRun]:
    """The runs that an automation started."""
    return [run for run in client.read_flow_runs(limit=200) if run.created_by and run.created_by.type == "AUTOMATION"]


class Told(BaseHTTPRequestHandler):
    """Where notifications arrive."""

    heard: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Keep what was sent."""
        self.heard.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def notified() -> Iterator[list[str]]:
    """The notifications that come in at the saved block custom-webhook/operations."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        text = {"text": "{{subject}}: {{body}}"}
        block = CustomWebhookNotificationBlock(name="x", url=url, json_data=text, headers={}, cookies={})
        block.save("operations", overwrite=True)
        yield Told.heard
        server.shutdown()


def test_events_open_one_request_per_cluster_and_tell_people(prefect_server: str, notified: list[str]) -> None:
    """Three kinds of drift of one cluster are one request, another cluster has its own; trouble is told."""
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(recreate_data_flow)
        deployment = client.create_deployment(flow_id, "on-premises", tags=["data-flow", "change"])
        main(["add", "recreate-after-drift"])
        for name in ("notify-failed-change", "notify-critical-health"):
            main(["add", name, "--notify", "custom-webhook/operations"])
        time.sleep(2)  # the server reads new automations by a notice to itself
        for kind in ("pbx-address", "token", "pbx-version"):
            emit(client, f"dataflow.drift.{kind}", "prod-eu")
        emit(client, "dataflow.drift.token", "prod-us")
        emit(client, "dataflow.health.critical", "prod-eu")
        run = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(run.id, Failed(message="the script failed"), force=True)
        assert soon(lambda: len(requests(client)) >= 2 and len(notified) >= 2)
        time.sleep(1)  # for a third one, which would be one too many
        slugs = [each.parameters["cluster"]["$ref"]["block_document_slug"] for each in requests(client)]
        assert sorted(slugs) == ["data-flow-cluster/prod-eu", "data-flow-cluster/prod-us"]
        reasons = {each.parameters["reason"] for each in requests(client)}
        assert reasons <= set(get_args(Reason)) - {"other"}
        critical, failed = sorted(notified, key=lambda text: "is critical" not in text)
        assert json.loads(critical)["text"] == 'Data Flow: prod-eu is critical: it said "no"\n\nFindings: disk.full'
        assert "ended Failed: the script failed" in failed
        for name in ("recreate-after-drift", "notify-failed-change", "notify-critical-health"):
            main(["remove", name])  # other tests of this server have failing changes, too


def test_an_automation_that_is_added_again_is_replaced(prefect_server: str, notified: list[str]) -> None:
    """Prefect alone would make a second one of the same name, and everybody would be told twice."""
    with get_client(sync_client=True) as client:
        for _ in range(2):
            main(["add", "notify-check-missing", "--notify", "custom-webhook/operations"])
        assert len(client.read_automations_by_name("notify-check-missing")) == 1
        main(["remove", "notify-check-missing"])
        assert client.read_automations_by_name("notify-check-missing") == []


def test_what_the_server_does_not_have_is_named(prefect_server: str) -> None:
    """Before anything is changed."""
    for words, said in (([], "Name a saved notification block"), (["--notify", "slack-webhook/nobody"], "no block")):
        with pytest.raises(SystemExit, match=said):
            main(["add", "notify-check-missing", *words])
