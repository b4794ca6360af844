"""From an empty server to a proved upgrade, by the UI's own forms: what a new administrator does on the first day.

What a story builds on is a fixture, so that each can also be told alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.flows.support import wait_until
from tests.sandbox import demo_run

if TYPE_CHECKING:
    from tests.sandbox.host import Host
    from tests.ui.conftest import Desk

pytestmark = pytest.mark.timeout(600)
OLDER, NEWER = "portsip/clickhouse:24.8", "portsip/clickhouse:25.8"
PARTS = {"control": "box-control", "server": "box-server", "pbx": "box", "docker": "box", "clickhouse": "box"}


def save(desk: Desk, kind: str, name: str) -> None:
    """Name the block whose form is filled in, and save it."""
    desk.browser.page.locator("[name=blockName]").fill(name)
    desk.browser.picture(f"block-{kind}-{name}", whole=True)
    desk.browser.press("Save")


def new(desk: Desk, kind: str) -> None:
    """Open the form of a new block."""
    desk.browser.open(f"/blocks/catalog/{kind}/create")
    desk.browser.page.locator("[name=blockName]").wait_for()


def save_host(desk: Desk, name: str, host: Host) -> None:
    """Sign-in to one host, its key pinned."""
    new(desk, "ssh-host")
    desk.browser.fill(Address=host.ssh_host, SSH_port=host.ssh_port, User=host.user)
    desk.browser.fill(Password=host.password, Host_key=host.host_key)
    save(desk, "ssh-host", name)


def choose_parts(desk: Desk) -> None:
    """Choose the five blocks that make a cluster."""
    for title, block in (
        ("Control node", "box-control"),
        ("Data Flow server", "box-server"),
        ("PBX", "box"),
        ("Docker", "box"),
        ("ClickHouse", "box"),
    ):
        desk.browser.choose(title, block)


@pytest.fixture(scope="module")
def saved(desk: Desk) -> Desk:
    """Every part of a cluster is saved, and the cluster that picks them from lists; it has its deployments."""
    at, world = desk.browser, desk.world
    save_host(desk, "box-control", world.control)
    save_host(desk, "box-server", world.server)
    new(desk, "pbx-api")
    at.fill(Address="127.0.0.1", Port=world.pbx.port, User_name=world.pbx.username, Password=world.pbx.password)
    at.choose("Certificate check", "fingerprint")
    at.field("Fingerprint (SHA-256)").fill(world.pbx.fingerprint)
    save(desk, "pbx-api", "box")
    for kind in ("docker-host", "click-house"):
        new(desk, kind)
        save(desk, kind, "box")

    new(desk, "data-flow-cluster")
    at.fill(Cluster_name="box")
    choose_parts(desk)
    for title, value in (
        ("Private address (-a)", world.server.address),
        ("ClickHouse image (-d)", OLDER),
        ("PBX address for the server", world.virtual_ip),
        ("Settle pause (s)", 0.5),
    ):
        at.field(title).fill(str(value))
    for number, host in enumerate((world.second, world.third)):
        at.page.get_by_role("button", name="Add item").first.click()
        at.field("Address").nth(number).fill(host.address)
        at.field("Host key").nth(number).fill(host.host_key)
    save(desk, "data-flow-cluster", "box")

    desk.server.start_cluster("box")
    desk.server.processes.finish("cluster", 180)
    for flow in ("check-data-flow-health", "reconcile-data-flow"):
        # Their schedules would start one in the middle of a story, which wants to see its own.
        desk.server.post(f"/deployments/{desk.deployment(flow)}/pause_deployment", {})
    return desk


@pytest.fixture(scope="module")
def installed(saved: Desk) -> Desk:
    """The service was installed from the form of its deployment; the page of the run is open."""
    start(saved, "install-data-flow", "Dry run", requested_by="anna")
    final = saved.run_here()
    assert final["state_type"] == "COMPLETED", final["state"]["message"]
    saved.browser.picture("install-run", whole=True)
    return saved


def parts_of(desk: Desk) -> dict[str, str]:
    """The blocks that the cluster refers to."""
    block = desk.server.get("/block_types/slug/data-flow-cluster/block_documents/name/box")
    return {part: told["block_document"]["name"] for part, told in block["block_document_references"].items()}


def test_a_cluster_refers_to_the_blocks_that_were_chosen(saved: Desk) -> None:
    """It holds no copies of them: a password that is changed later is changed for the cluster."""
    assert parts_of(saved) == PARTS


def test_an_install_is_started_from_its_form_and_its_report_is_read(installed: Desk) -> None:
    """The cluster is filled in, a dry run is offered; switched off, the service is there after it."""
    read_report(installed, "install")
    assert [container.running for container in installed.world.engine.containers] == [True, True]


@pytest.fixture(scope="module")
def upgraded(installed: Desk) -> Desk:
    """The administrator named the new image in the block; somebody else approved the upgrade in the UI."""
    desk, at = installed, installed.browser
    block = desk.server.get("/block_types/slug/data-flow-cluster/block_documents/name/box")
    for _ in range(3):  # a form whose data come late draws itself anew, and forgets what was chosen
        at.open(f"/blocks/block/{block['id']}/edit")
        at.field("ClickHouse image (-d)").fill(NEWER)
        choose_parts(desk)  # else the form saves copies with masked secrets, which blocks.mask refuses
        at.picture("cluster-edited", whole=True)
        at.press("Save")
        if parts_of(desk) == PARTS:
            break
    assert parts_of(desk) == PARTS
    start(desk, "upgrade-data-flow", "Dry run", "Wait for approval", requested_by="anna")
    approve(desk, "Berta", "seen the plan")
    final = desk.run_here()
    assert final["state_type"] == "COMPLETED", final["state"]["message"]
    at.picture("upgrade-run", whole=True)
    return desk


def test_an_upgrade_is_approved_and_proved_in_its_report(upgraded: Desk) -> None:
    """The report says who approved it, and that no row was lost; and no acknowledged call is missing."""
    upgraded.world.wait_for_calls(8)
    assert upgraded.world.missing_records() == {}
    read_report(upgraded, "upgrade")
    upgraded.browser.see(re.compile("Nothing was lost"))
    upgraded.browser.see(re.compile("Berta"))
    running = [container.image.tags[0] for container in upgraded.world.engine.containers if container.running]
    assert NEWER in running


def test_a_health_check_fails_when_the_database_is_killed(upgraded: Desk) -> None:
    """The run is red and says why in one line; its artifact says what to do."""
    database = next(each for each in upgraded.world.engine.containers if NEWER in each.image.tags)
    database.kill(9)
    wait_until(lambda: not database.running, "ClickHouse to be dead")
    start(upgraded, "check-data-flow-health")
    final = upgraded.run_here()
    assert final["state_type"] == "FAILED", final["state"]["message"]
    assert final["state"]["message"].startswith("critical: health.service-down")
    upgraded.browser.open(f"/runs/flow-run/{final['id']}")
    upgraded.browser.see(re.compile(r"health\.service-down: "))
    upgraded.browser.picture("health-run", whole=True)
    found = upgraded.server.post("/artifacts/filter", {"artifacts": {"key": {"any_": ["health-box"]}}})
    upgraded.browser.open(f"/artifacts/artifact/{found[0]['id']}")
    upgraded.browser.see(re.compile("Health of box: critical"))
    upgraded.browser.picture("health-report", whole=True)


def start(desk: Desk, flow: str, *switched: str, **typed: str) -> None:
    """Run the cluster's own deployment with switches pressed and fields filled in; its run's page is open after it."""
    at, deployment = desk.browser, desk.deployment(flow)
    at.open(f"/deployments/deployment/{deployment}?tab=Description")
    at.see(re.compile("Can go wrong"))
    at.picture(f"{flow}-deployment")
    at.open(f"/deployments/deployment/{deployment}/run")
    at.page.locator("fieldset button").filter(has_text=re.compile("^box$")).wait_for()
    for name in switched:
        assert at.field(name).get_attribute("data-state") == ("checked" if name == "Dry run" else "unchecked")
        at.field(name).click()
    at.fill(**typed)
    at.picture(f"{flow}-form", whole=True)
    at.press("Submit")
    at.open(f"/runs/flow-run/{desk.newest_run(deployment)}")


def approve(desk: Desk, name: str, comment: str) -> None:
    """Wait until the run whose page is open asks, read its plan under Resume, and approve it."""
    at = desk.browser
    asking = desk.run_here()
    assert asking["state_name"] == "Suspended", asking["state"]["message"]
    at.page.locator("button[aria-haspopup=menu]").first.click()
    at.page.get_by_role("menuitem", name="Resume").click()
    dialog = at.page.get_by_role("dialog")
    dialog.get_by_text("Select", exact=True).click()
    at.page.get_by_role("option", name="approve").click()
    for place, text in enumerate((name, comment)):
        dialog.locator("textarea").nth(place).fill(text)
    at.picture("approval")
    at.send(dialog, "Resume")


def read_report(desk: Desk, verb: str) -> None:
    """Open the report that the run left, from the run's page."""
    at = desk.browser
    run = desk.newest_run(desk.deployment(f"{verb}-data-flow"))
    at.open(f"/runs/flow-run/{run}")
    at.page.get_by_role("tab", name="Artifacts").click()
    at.picture(f"{verb}-artifacts")
    report = demo_run.report(desk.server, run)
    assert report is not None
    at.open(f"/artifacts/artifact/{report['id']}")
    at.see(re.compile(f"{verb} box", re.IGNORECASE))
    at.see(re.compile("anna"))
    at.picture(f"{verb}-report", whole=True)
