"""What a wrong block or an unfit machine leads to: one clear error, and nothing done that nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from tests.flows.conftest import Run
from tests.flows.story_support import (
    CLICKHOUSE,
    SEEN_AT_ONCE,
    UNSEEN,
    block_of,
    edited,
    ended_clearly,
    failed_step,
    refused_by,
    result_of,
    two_cores,
    untouched,
)
from tests.sandbox import vendor
from tests.sandbox.world import World

Install = Callable[..., Run]
WRONG = SecretStr("not-the-password")


@pytest.fixture
def cluster(world: World, prefect_server: str) -> Any:
    """The block that points at the world; not saved anew for each test."""
    return block_of(world)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses before a look is tried again; that it is tried again stays."""
    from flows.tasks.look import look
    from flows.tasks.pull import pull_images

    for task in (look, pull_images):
        monkeypatch.setattr(task, "retry_delay_seconds", [0.02] * 3)


NAMES = {"control": "pbx01 (127.0.0.1", "server": "server (127.0.0.1"}


@pytest.mark.parametrize("door", NAMES)
def test_a_wrong_ssh_password_is_sent_once_over_all_runs(
    door: str, world: World, cluster: Any, install: Install
) -> None:
    """The first run names host, account and answer; the second refuses before it sends anything."""
    block = edited(cluster, door, password=WRONG)
    first, second = install(block), install(block)
    ended_clearly(first, NAMES[door], "signing in by SSH as pbx", "Authentication failed", "password or key")
    ended_clearly(second, "nothing was sent", "rejected before at", "Change user or password in the block")
    assert [right for _, _, right in getattr(world, door).sign_ins] == [False]
    untouched(world)


def test_a_wrong_pbx_password_is_sent_once_over_all_runs(world: World, cluster: Any, install: Install) -> None:
    """Five bad sign-ins would lock our address out for an hour."""
    block = edited(cluster, "pbx", password=WRONG)
    first, second = install(block), install(block)
    ended_clearly(first, "PBX 127.0.0.1", "to sign in as admin", "HTTP 401", "Correct user or password in the block")
    ended_clearly(second, "nothing was sent", "rejected before at", "Change user or password in the block")
    assert world.pbx.bad_sign_ins == 1
    untouched(world)


@pytest.mark.parametrize("door", NAMES)
def test_an_unreachable_host_is_tried_again_and_then_named(
    door: str, world: World, install: Install, impatient: None
) -> None:
    """Nobody answers at its address; the run tells which host that is and what to check."""
    getattr(world, door).link.refuse()
    run = install()
    ended_clearly(run, NAMES[door], "connecting by SSH", "Check that the host is up")
    assert len(world.pbx.accounts.issued) == 2 * 4  # the PBX was signed in to at each of the four tries
    untouched(world)


def test_a_changed_host_key_is_refused_until_it_is_pinned(world: World, cluster: Any, install: Install) -> None:
    """Both fingerprints are shown, no password is sent, and what the refusal says to enter is taken."""
    from blocks.host_key import pinned_fingerprints

    (pinned,) = pinned_fingerprints(cluster.server.host_key)
    world.server.new_host_key()
    run = install()
    (shown,) = pinned_fingerprints(world.server.host_key)
    ended_clearly(run, "server (127.0.0.1", "checking the host key", f"shows {shown}", f"pinned is {pinned}")
    assert world.server.sign_ins == []
    untouched(world)
    told = re.search(r"field 'Host key': (ssh-ed25519 \S+)", run.message)
    assert told
    assert install(edited(cluster, "server", host_key=told[1]), dry_run=True).ended == "COMPLETED"


def test_on_the_first_day_one_refusal_tells_all_that_is_to_be_pinned(
    world: World, cluster: Any, install: Install
) -> None:
    """Both host keys and the certificate, so that nobody needs three runs for them; no password was sent."""
    bare = edited(edited(edited(cluster, "control", host_key=""), "server", host_key=""), "pbx", fingerprint="")
    run = install(bare)
    for shown in (world.control.host_key, world.server.host_key, world.pbx.fingerprint.upper()):
        assert shown in run.message.replace(":", "") or shown in run.message
    ended_clearly(run, "pbx01 (127.0.0.1", "signing in", "(1) pbx01", "(3) PBX", "Settle all of them")
    assert (world.control.sign_ins, world.server.sign_ins, world.pbx.bad_sign_ins) == ([], [], 0)
    untouched(world)


def test_a_wrong_certificate_gets_no_password(world: World, cluster: Any, install: Install) -> None:
    """Both fingerprints are shown, and how to pin the new one."""
    world.pbx.rotate_certificate()
    run = install()
    pinned = cluster.pbx.fingerprint.upper()
    assert pinned in run.message.replace(":", "")
    ended_clearly(run, "PBX 127.0.0.1", "verify its TLS certificate (no password was sent)", "presented: ")
    ended_clearly(run, "Compare the SHA-256 fingerprint", "choose 'fingerprint' in the block")
    assert world.pbx.asked("POST", "/api/auth/sign_in") == 0
    untouched(world)


@pytest.mark.parametrize("wrong", [SEEN_AT_ONCE, UNSEEN], ids=["seen", "hidden"])
def test_everything_unfit_is_shown_at_once_before_the_first_change(wrong: Any, world: World, install: Install) -> None:
    """Each finding says host, what was seen, what to do and where the guide asks for it; nothing was changed."""
    for spoil, *_ in wrong:
        spoil(world)
    run = install()
    for _, finding, *said in wrong:
        refused_by(run, finding, *said)
    assert [right for _, _, right in world.second.sign_ins] == ([False] if wrong is SEEN_AT_ONCE else [True])
    untouched(world)


def test_one_unfit_thing_is_enough_to_refuse(world: World, install: Install) -> None:
    """Two cores where the guide asks for four: one finding, by name, with the guide's section."""
    two_cores(world)
    run = install()
    refused_by(run, *SEEN_AT_ONCE[1][1:])
    assert "1 finding(s) refuse the change: host.vcpu: server: 2 vCPU" in run.message
    untouched(world)


def test_a_node_whose_key_nobody_pinned_gets_no_password(world: World, cluster: Any, install: Install) -> None:
    """The finding shows the key to enter."""
    nodes = [node for node in cluster.nodes if node.address != world.second.address]
    run = install(edited(cluster, nodes=nodes))
    refused_by(run, "host.os-differs", "pbx02: could not be looked at", f"'Host key': {world.second.host_key}")
    assert world.second.sign_ins == []
    untouched(world)


def test_sudo_with_a_password_is_refused_on_both_machines(world: World, cluster: Any, install: Install) -> None:
    """We could give sudo its password, the vendor's script cannot; what only root can see stays unknown."""
    world.server.sudo = world.control.sudo = "password"
    password = SecretStr(world.password)
    run = install(edited(edited(cluster, "control", sudo_password=password), "server", sudo_password=password))
    refused_by(run, "host.sudo", "server: pbx may not", "pbx01: pbx may not use sudo without a password", "NOPASSWD")
    untouched(world)


def test_a_wrong_sudo_password_is_sent_once_over_all_runs(world: World, cluster: Any, install: Install) -> None:
    """The first step that needs sudo is refused by name; the second run does not try it."""
    world.control.sudo = "password"
    block = edited(cluster, "control", sudo_password=WRONG)
    first, second = (install(block, lowered=["host.sudo", "control.ha-unhealthy"]) for _ in range(2))
    ended_clearly(first, "pbx01 (127.0.0.1", "sudo `mkdir -p /var/lib/dataflow-flows", "incorrect password", "NOPASSWD")
    ended_clearly(second, "sudo on pbx01", "nothing was sent", "rejected before at")
    assert failed_step(first) == failed_step(second) == "lock"
    assert world.control.sudo_attempts == ["wrong"]
    untouched(world)


REGISTRY = {
    "refuses": ({"refuse": True}, "connection refused", "way to the registry"),
    "breaks-off": ({"fail_after": 50}, "unexpected EOF", "journalctl -u docker"),
    "full-disk": ({"full_disk": True}, "no space left on device", "Make room where Docker unpacks"),
    "no-such-image": ({"images": {}}, "manifest for portsip/pbx:22 not found", "name and tag"),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case == "refuses" else pytest.mark.matrix) for case in REGISTRY]
)
def test_a_failing_pull_names_registry_answer_and_next_step(
    case: str, world: World, install: Install, impatient: None
) -> None:
    """What was done before the pull stands in the report; the script was not started and the lock is free."""
    faults, *said = REGISTRY[case]
    for name, value in faults.items():
        setattr(world.registry, name, value)
    run = install()
    ended_clearly(run, "registry Docker Hub", *said)
    assert [result_of(run, step) for step in ("whitelist", "token", "ssh-key", "pull-image")] == [
        *["changed"] * 3,
        "**failed**",
    ]
    assert "| Lock | given back; change `" in run.report
    assert not world.control.path("/var/lib/dataflow-flows/change.lock").exists()
    assert vendor.current_step(world.control) == 0
    assert world.engine.containers == []


@pytest.mark.matrix
def test_a_wrong_registry_password_is_sent_once_over_all_runs(world: World, cluster: Any, install: Install) -> None:
    """The second run refuses at the pull before it sends the login again."""
    world.registry.user, world.registry.password = "robot", "right"
    block = edited(cluster, "docker", registry_user="robot", registry_password=WRONG)
    first, second = install(block), install(block)
    ended_clearly(
        first, "registry Docker Hub", "unauthorized: incorrect username or password", "registry user and password"
    )
    ended_clearly(second, "registry Docker Hub", "nothing was sent", "rejected before at")
    assert world.registry.logins == ["robot"]
    assert CLICKHOUSE not in world.registry.pulls
