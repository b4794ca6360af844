"""Installing on a cluster in a box: the guide's Steps 1 to 5, and everything an administrator may do again."""

from __future__ import annotations

from collections.abc import Callable

from tests.flows.conftest import Run
from tests.sandbox.world import World

STEPS = ("look", "preflight", "lock", "whitelist", "token", "ssh-key", "pull-image", "recreate", "settle")


def test_a_bare_host_gets_the_service_and_a_second_run_changes_nothing(
    world: World, install: Callable[..., Run]
) -> None:
    """The first run changes what the guide asks for; the second finds everything done and says so."""
    first = install(requested_by="anna", ticket="CHG-1")
    assert first.ended == "COMPLETED", first.message
    assert "changed: whitelist, token, ssh-key, pull-image, recreate" in first.message
    assert [name for name in STEPS if name not in first.tasks] == []
    assert "registered on the PBX with 192.168.1.26" in first.tasks["verify-row-counts"]
    assert "anna" in first.report
    assert "CHG-1" in first.report
    assert "default.cdr" in first.report
    before = {c.id for c in world.engine.containers}, len(world.pbx.rules), world.pbx.token

    second = install()
    assert second.ended == "COMPLETED", second.message
    assert "nothing to change" in second.message
    assert all("changed" not in said for said in second.tasks.values())
    assert ({c.id for c in world.engine.containers}, len(world.pbx.rules), world.pbx.token) == before


def test_a_dry_run_shows_findings_and_plan_and_changes_nothing(world: World, install: Callable[..., Run]) -> None:
    """Nothing on the PBX, the server or the control node is touched, and the report holds the whole plan."""
    run = install(dry_run=True)
    assert run.ended == "COMPLETED"
    assert "dry run: nothing was changed" in run.message
    assert "dataflow.sh run -p /var/lib/portsip" in run.report
    assert world.pbx.rules == []
    assert world.pbx.token == ""
    assert world.engine.containers == []
    assert not world.control.path("/var/lib/dataflow-flows").exists()
    assert not world.control.path("/home/pbx/.ssh/id_rsa").exists()
