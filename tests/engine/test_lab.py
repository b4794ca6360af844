"""The lab itself: what it promises to the stories, and that it leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.engine import LABEL
from tests.engine.lab import Lab
from tests.engine.shared import Shared
from tests.sandbox.registry import NEW_PBX, OLD_PBX


@pytest.fixture(scope="module")
def lab(parts: Shared) -> Iterator[Lab]:
    """A lab whose server has Docker, and nothing else yet."""
    with Lab(history_rows=500) as lab:
        yield lab


def test_every_host_answers_by_ssh_with_its_pinned_key(lab: Lab, prefect_server: str) -> None:
    """By the machine's own network, with the user's password; another key is refused."""
    from blocks.errors import AccessDenied
    from tests.sandbox.saved_blocks import ssh_block

    for host in (lab.control, lab.second, lab.third, lab.server):
        with ssh_block(host).get_client() as ssh:
            assert ssh.run(["hostname"]).stdout.strip() == host.name
            assert ssh.run(["sudo", "-n", "id", "-un"]).stdout.strip() == "root"
    other = ssh_block(lab.control).model_copy(update={"host_key": lab.server.host_key})
    with pytest.raises(AccessDenied), other.get_client():
        pass


def test_the_registry_serves_the_vendors_names(lab: Lab) -> None:
    """The server pulls the vendor's reference unchanged; the tag moves on; a registry that refuses is an error."""
    for version in (OLD_PBX, NEW_PBX):
        lab.publish_pbx(version)
        lab.server.run("docker", "pull", "--quiet", "portsip/pbx:22")
        label = '{{index .Config.Labels "version"}}'
        said = lab.server.run("docker", "image", "inspect", "--format", label, "portsip/pbx:22")
        assert said.strip() == version
    lab.refuse_pulls()
    try:
        with pytest.raises(RuntimeError, match="dial tcp"):
            lab.server.run("docker", "pull", "portsip/clickhouse:25.8")
    finally:
        lab.refuse_pulls(False)


def test_the_ssh_server_comes_back_after_a_restart(lab: Lab, prefect_server: str) -> None:
    """Sessions end, and new ones begin."""
    from blocks.errors import Unreachable
    from tests.sandbox.saved_blocks import ssh_block

    with ssh_block(lab.server).get_client() as ssh:
        lab.restart_ssh(lab.server)
        with pytest.raises(Unreachable):
            ssh.run(["true"])
    with ssh_block(lab.server).get_client() as ssh:
        assert ssh.run(["true"]).exit_code == 0


def test_a_lab_leaves_nothing_behind(parts: Shared) -> None:
    """No container, network, folder, control group, firewall rule or volume of it is there any more."""
    with Lab(history_rows=500) as inner:
        name, client = inner.name, parts.engine.client
        assert {"containers", "networks", "folders", "interfaces"} <= _traces(parts, name).keys()
        made = client.containers.list(filters={"label": f"{LABEL}={name}"})
        volumes = {mount.get("Name") for one in made for mount in one.attrs["Mounts"]} - {None}
    assert _traces(parts, name) == {}
    assert volumes & {volume.name for volume in client.volumes.list()} == set()


def _traces(parts: Shared, name: str) -> dict[str, list[str]]:
    """What is named by one lab; beside it, labs of other processes come and go."""
    client = parts.engine.client
    rules = subprocess.run(["iptables", "--wait", "-S"], check=True, capture_output=True, text=True).stdout
    traces = {
        "containers": [str(c.name) for c in client.containers.list(all=True, ignore_removed=True)],
        "networks": [str(n.name) for n in client.networks.list()],
        "folders": [place.name for place in parts.engine.runs.iterdir()],
        "groups": [str(place) for place in Path("/sys/fs/cgroup").glob("*/lab-*-*")],
        "interfaces": os.listdir("/sys/class/net"),  # noqa: PTH208
        "rules": rules.splitlines(),
    }
    return {kind: own for kind, found in traces.items() if (own := [one for one in found if name in one])}


def test_without_root_one_line_says_what_is_missing() -> None:
    """A developer's machine without the parts skips, and says why."""
    code = "import os; os.geteuid = lambda: 1000; from tests.engine.engine import missing; print(missing())"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.startswith("the lab needs root")
    assert said.count("\n") == 1
