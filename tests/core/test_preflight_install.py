"""Rules of an install: on the server there may be nothing, the wanted service, or our own unfinished half."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.core.change import ChangeLock
from flows.core.findings import Level
from flows.core.installed import Installed
from flows.core.preflight import RULES_INSTALL, applicable, registered
from flows.core.preflight.install import RULES, state
from flows.core.snapshot import Container, DockerFacts, Snapshot
from flows.core.wish import Wish, target
from tests.core.healthy import CLICKHOUSE, DATAFLOW, SNAPSHOT, WISH, wish, with_docker

OURS = wish(run="run-1")
LOCK = ChangeLock("run-1", "install prod", "2026-11-22", "", "install", target(SNAPSHOT, WISH), "unfinished")
OLD = replace(DATAFLOW, image="portsip/pbx:21", image_id="sha256:" + "a" * 64)

HALVES: dict[str, tuple[Container, ...]] = {
    "install.partial": (CLICKHOUSE,),
    "install.stopped": (CLICKHOUSE, replace(DATAFLOW, running=False)),
    "install.other-version": (CLICKHOUSE, OLD),
}


def found(snapshot: Snapshot, wanted: Wish) -> dict[str, str]:
    """Id and message of what these rules say."""
    said = [finding for each in RULES if (finding := each(snapshot, wanted)) is not None]
    assert {finding.level for finding in said} <= {Level.ERROR}
    return {finding.id: finding.message for finding in said}


@pytest.mark.parametrize("containers", [(), (CLICKHOUSE, DATAFLOW)], ids=["nothing", "the wanted service"])
def test_nothing_or_the_wanted_service_lets_an_install_go_on(containers: tuple[Container, ...]) -> None:
    """The first run installs, the second finds everything so."""
    assert found(with_docker(containers=containers), WISH) == {}


@pytest.mark.parametrize("name", HALVES)
def test_a_half_of_nobody_is_refused(name: str) -> None:
    """An install mends nothing that it does not understand, and no parameter lowers that."""
    assert list(found(with_docker(containers=HALVES[name]), WISH)) == [name]
    assert not registered()[name].lowerable


@pytest.mark.parametrize("name", HALVES)
def test_our_own_half_may_be_finished(name: str) -> None:
    """By Retry of the run that holds the lock, or by a new run with the same target."""
    half = replace(with_docker(containers=HALVES[name]), lock=LOCK)
    assert found(half, OURS) == {}
    assert found(half, wish(run="run-2")) == {}


@pytest.mark.parametrize("name", HALVES)
def test_the_half_of_another_change_is_refused(name: str) -> None:
    """A lock with another target, or of a run that may still be at work, explains nothing."""
    half = with_docker(containers=HALVES[name])
    assert list(found(replace(half, lock=replace(LOCK, target="other")), wish(run="run-2"))) == [name]
    assert list(found(replace(half, lock=replace(LOCK, phase="script")), wish(run="run-2"))) == [name]


def test_other_images_are_named_with_the_wanted_ones() -> None:
    """Which they are, and from what they run."""
    said = found(with_docker(containers=HALVES["install.other-version"]), WISH)["install.other-version"]
    assert said.startswith("the service is there with other images than portsip/pbx:22 and portsip/clickhouse:25.8: ")
    assert said.endswith("portsip.dataflow from portsip/pbx:21 (sha256:aaaaaaaaaaaa)")


def test_a_new_token_is_refused_where_the_service_is() -> None:
    """The running service knows the old token only; where there is none, a new token does no harm."""
    assert list(found(SNAPSHOT, wish(new_token=True))) == ["install.new-token-needs-recreate"]
    assert found(with_docker(containers=()), wish(new_token=True)) == {}


def test_retry_of_an_install_with_a_new_token_may_finish_its_own_half() -> None:
    """Else a script that failed half way could never be retried with the parameters of its run."""
    half = replace(with_docker(containers=HALVES["install.partial"]), lock=LOCK)
    assert found(half, replace(OURS, new_token=True)) == {}


def test_containers_that_are_not_known_are_no_empty_server() -> None:
    """Unknown is never a pass; a server without Docker is known to be empty."""
    assert state(replace(SNAPSHOT, docker=DockerFacts(present=True, trouble="no right")), WISH) is Installed.UNKNOWN
    said = found(replace(SNAPSHOT, docker=DockerFacts(present=None)), WISH)
    assert set(said.values()) == {"unknown: the containers of dataflow01"}
    assert state(replace(SNAPSHOT, docker=DockerFacts(present=False)), WISH) is Installed.ABSENT


def test_what_our_own_running_script_does_refuses_no_attaching() -> None:
    """Its apt run, its ports and its Docker restart are no findings while it runs; anybody else's are."""
    hidden = {"host.apt-running", "host.port-taken", "docker.unusable"}

    def ids(snapshot: Snapshot, wish: Wish) -> set[str]:
        return {rule.id for rule in applicable(RULES_INSTALL, snapshot, wish)}

    everything = ids(SNAPSHOT, WISH)
    lock = replace(LOCK, phase="script", script="run-1-1")
    assert hidden <= everything
    assert ids(replace(SNAPSHOT, lock=lock, script_runs=True), OURS) == everything - hidden
    assert ids(replace(SNAPSHOT, lock=lock, script_runs=False), OURS) == everything
    assert ids(replace(SNAPSHOT, lock=replace(lock, run="somebody"), script_runs=True), OURS) == everything
