"""Install: the guide's Steps 1 to 5 on a host that has nothing, and again where everything is done."""

from __future__ import annotations

from typing import Any

from tests.sandbox.world import World
from tests.stories.words import both, carry_out, identities, running
from tests.stories.worlds import Wanted, in_world

STEPS = ("look", "preflight", "lock", "whitelist", "token", "ssh-key", "pull-image", "recreate", "settle")
BARE = Wanted(docker_installed=False)


@in_world(BARE)
def test_a_bare_host_gets_the_service_and_a_second_run_changes_nothing(world: World, cluster: Any) -> None:
    """The first run changes what the guide asks for, Docker too; the second finds everything done and says so."""
    from flows.install import install_data_flow

    first = carry_out(install_data_flow, cluster, requested_by="anna", ticket="CHG-1")
    assert first.ended == "COMPLETED", first.message
    assert "changed: whitelist, token, ssh-key" in first.message
    assert [name for name in STEPS if name not in first.tasks] == []
    assert f"registered on the PBX with {world.server.address}" in first.tasks["verify-row-counts"]
    for said in ("anna", "CHG-1", "default.cdr", "the vendor's script installs it"):
        assert said in first.report
    assert running(world) == both(world, True)
    before = identities(world), len(world.pbx.rules), world.pbx.token

    second = carry_out(install_data_flow, cluster)
    assert second.ended == "COMPLETED", second.message
    assert "nothing to change" in second.message
    assert all("changed" not in said for said in second.tasks.values())
    assert (identities(world), len(world.pbx.rules), world.pbx.token) == before
