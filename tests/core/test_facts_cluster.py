"""The state of the HA cluster in the words of ha_ctl.sh."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.core.facts import (
    parse_ha_status,
)

DATA = Path(__file__).parents[1] / "data"

HEALTHY = (
    "ubuntu-24.04-transcribed-ha-status",
    "pacemaker-2.1-transcribed-ha-status",
    "aws-transcribed-ha-show",
)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_cluster_in_all_its_forms(name: str) -> None:
    """Masters and Slaves, Promoted and Unpromoted, and the whole `pcs status`."""
    assert parse_ha_status((DATA / f"{name}.txt").read_text()) == (True, ())


@pytest.mark.parametrize("name", HEALTHY)
def test_a_stopped_pbx_in_all_forms(name: str) -> None:
    """The one resource that matters most."""
    lines = (DATA / f"{name}.txt").read_text().splitlines()
    text = "\n".join(line.partition("Started")[0] + "Stopped" if ":pbx)" in line else line for line in lines)
    assert parse_ha_status(text) == (False, ("pbx is Stopped",))


ON_PREMISES = (DATA / "ubuntu-24.04-transcribed-ha-status.txt").read_text()
AWS = (DATA / "aws-transcribed-ha-show.txt").read_text()


TROUBLES: list[tuple[str, str]] = [
    (ON_PREMISES.replace("     Masters: [ pbx01 ]\n", ""), "drbd_devpath-clone has no active node"),
    (ON_PREMISES.replace("Slaves: [ pbx02 pbx03 ]", "Stopped: [ pbx02 pbx03 ]"), "stopped: pbx02 pbx03"),
    (ON_PREMISES.replace("Started pbx01", "FAILED pbx01", 1), "drbd_attr is FAILED pbx01"),
    (ON_PREMISES.rpartition(" pbx ")[0], "no pbx resource is listed"),
    (AWS.replace("partition with quorum", "partition WITHOUT quorum"), "the cluster has no quorum"),
    (AWS.replace("pacemaker: active", "pacemaker: inactive"), "pacemaker is inactive"),
    (
        AWS.replace("  * Online", "  * Node n3: UNCLEAN (offline)\n  * Online"),
        "node n3 is UNCLEAN (offline)",
    ),
    (AWS.replace("  * Online", "  * Node n3 (3): standby\n  * Online"), "node n3 is standby"),
    (AWS.replace("Full List", "  * OFFLINE: [ n3 ]\n\nFull List"), "offline: n3"),
    (
        AWS.replace("Daemon", "Failed Resource Actions:\n  * pbx_monitor_0 on n2 'error'\n\nDaemon"),
        "failed action pbx_monitor_0 on n2 'error'",
    ),
]


def test_every_trouble_of_the_cluster_is_named() -> None:
    """What is not as it should be stands in the answer."""
    for text, trouble in TROUBLES:
        healthy, found = parse_ha_status(text)
        assert not healthy
        assert trouble in found


def test_words_without_resources_are_not_understood() -> None:
    """An unknown form is no health."""
    with pytest.raises(ValueError, match="no resource"):
        parse_ha_status("[error]: unknown command status\n")
