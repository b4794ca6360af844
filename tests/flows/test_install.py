"""What installing shows before it does anything; the stories tell how it ends."""

from __future__ import annotations

from collections.abc import Callable

from tests.flows.conftest import Run
from tests.sandbox.world import World


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
