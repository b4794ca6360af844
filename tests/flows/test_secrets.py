"""No secret leaves its block (promise P8): a hunt for every secret through everything that runs leave behind."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from tests.flows.audit_support import agree, beside, logged
from tests.flows.conftest import Run
from tests.flows.secret_hunt import Hunter, Printed, Processes, files_of, prefect_files
from tests.flows.story_support import block_of, edited, failed_step
from tests.sandbox import vendor
from tests.sandbox.saved_blocks import schemas_made_once
from tests.sandbox.world import World

PASSWORD_FILE = "/var/lib/portsip/dataflow/system.ini"
VENDOR_KEEPS = (PASSWORD_FILE, f"{vendor.VARIANTS['22.8'].folder}/docker-compose.yml")
"""Where the vendor's own script writes ClickHouse's password, on the server; nothing else is left out of the hunt."""

CANARIES = ("sudo", "registry", "passphrase", "wrong ssh", "wrong pbx", "wrong registry", "wrong clickhouse")


def remote_places(world: World) -> Iterator[tuple[str, bytes]]:
    """Every file of the machines, and every command that reached them."""
    for host in (world.control, world.second, world.third, world.server):
        yield from files_of(host.root, f"{host.name}:", VENDOR_KEEPS if host is world.server else ())
        yield f"a command on {host.name}", "\0".join(host.commands).encode()


@pytest.fixture
def world() -> Iterator[World]:
    """A cluster in a box with few calls to hand over."""
    with World(history_rows=2_000) as world:
        yield world


@pytest.fixture
def planted(world: World) -> dict[str, str]:
    """Known secrets for every secret field of the blocks, the server's private key among them."""
    secrets = {name: f"canary-{os.urandom(9).hex()}" for name in CANARIES}
    key = Ed25519PrivateKey.generate()
    locked = form.BestAvailableEncryption(secrets["passphrase"].encode())
    secrets["key"] = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, locked).decode()
    public = paramiko.Ed25519Key(file_obj=io.StringIO(secrets["key"]), password=secrets["passphrase"])
    world.server.write("/home/pbx/.ssh/authorized_keys", f"ssh-ed25519 {public.get_base64()} anna\n", 0o600)
    return secrets


@pytest.fixture
def cluster(world: World, planted: dict[str, str], prefect_server: str) -> Any:
    """The block with a secret in every field that can hold one, saved as an administrator does."""
    hidden = {name: SecretStr(secret) for name, secret in planted.items()}
    block = edited(block_of(world), "control", sudo_password=hidden["sudo"])
    block = edited(block, "server", sudo_password=hidden["sudo"], private_key=hidden["key"])
    block = edited(block, "server", passphrase=hidden["passphrase"])
    block = edited(block, "docker", registry_user="robot", registry_password=hidden["registry"])
    with schemas_made_once():
        block.server.save("canary-server", overwrite=True)
        block.docker.save("canary", overwrite=True)
    return edited(block, settle_pause=0.3)


def _runs(world: World, cluster: Any, planted: dict[str, str], install: Callable[..., Run]) -> list[Run]:
    """One refused at the pull, one failing at the script, one that completes, and three with wrong passwords."""
    wrong = {name.removeprefix("wrong "): SecretStr(planted[name]) for name in planted if name.startswith("wrong ")}
    world.registry.user, world.registry.password = "robot", planted["registry"]
    runs = [install(edited(cluster, "docker", registry_password=wrong["registry"]))]
    world.registry.user = ""  # the vendor's script pulls without a login
    vendor.settle(world.control, SECONDS_PER_STEP=0, FAIL_AT_STEP=12)
    runs.append(install(cluster))
    vendor.settle(world.control, SECONDS_PER_STEP=0)
    runs.append(install(cluster))
    for part in ("clickhouse", "pbx"):
        runs.append(install(edited(cluster, part, password=wrong[part])))
    return [*runs, install(edited(cluster, "control", password=wrong["ssh"]))]


@pytest.mark.timeout(600)
def test_no_secret_is_found_anywhere(
    world: World, cluster: Any, planted: dict[str, str], install: Callable[..., Run]
) -> None:
    """Not in Prefect's database and files, not in a process list, not on the machines, not in what was printed."""
    processes, printed = Processes(), Printed()
    with processes.watched(), printed.listening():
        runs = _runs(world, cluster, planted, install)
    ends = [run.ended if run.ended == "COMPLETED" else failed_step(run) for run in runs]
    assert ends == ["pull-image", "recreate", "COMPLETED", "settle", "look", "look"]
    agree(world, *(run.id for run in runs[:-1]))
    script = logged(world)[1].script
    assert script and script.exit_code and script.sha256 and "## Script" in runs[1].report
    assert (len(logged(world)), [head for _, head in beside(runs[-1].id)]) == (len(runs) - 1, [None])
    made_up = world.server.path(PASSWORD_FILE).read_text().split("password=")[1].split()[0]
    lines = {f"key, line {n}": line for n, line in enumerate(planted.pop("key").splitlines()[1:-1]) if len(line) > 15}
    pbx = {f"PBX secret {number}": secret for number, secret in enumerate(world.pbx.secrets)}
    hunter = Hunter({**planted, **lines, **pbx, "ssh": world.password, "made up by the script": made_up})

    def everywhere() -> Iterator[tuple[str, bytes]]:
        yield from prefect_files()
        yield from remote_places(world)
        yield "a process list", b"\n".join(processes.seen)
        yield "what was printed", "\n".join(printed.lines).encode()
        for number, run in enumerate(runs):
            yield f"run {number}", "\n".join([run.message, run.report, run.logs, *run.tasks.values()]).encode()

    assert hunter.hits(everywhere()) == []
    kept = [f"made up by the script in {file}" for file in sorted(VENDOR_KEEPS)]
    assert hunter.hits(files_of(world.server.root, "")) == kept
    assert any(b"dataflow.sh" in line for line in processes.seen)
    assert "generate new password ***" in runs[1].logs
    assert any("generate new password ***" in line for line in printed.lines)


@pytest.mark.parametrize("shift", range(3))
def test_the_hunter_finds_what_is_planted(shift: int, tmp_path: Path) -> None:
    """As it is, as JSON, in a web address, pickled inside base64, and wherever in a group of three it begins."""
    secret = f'pass"word/{os.urandom(6).hex()}'
    hunter = Hunter({"planted": secret, "innocent": "canary-that-is-nowhere"})
    pickled = base64.b64encode(bytes(shift) + pickle.dumps({"password": SecretStr(secret).get_secret_value()}))
    forms = {
        "plain": secret.encode(),
        "json": json.dumps({"p": secret}).encode(),
        "web": urllib.parse.urlencode({"p": secret}).encode(),
        "urlsafe": base64.urlsafe_b64encode(bytes(shift) + secret.encode() + b"more"),
        "result": json.dumps({"data": pickled.decode()}).encode(),
    }
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
    assert hunter.hits(files_of(tmp_path, "")) == [f"planted in /{name}" for name in sorted(forms)]
    assert hunter.hits(iter([("nothing", os.urandom(4096))])) == []


@pytest.mark.filterwarnings("ignore:Artifact creation outside")
def test_the_hunter_looks_into_prefect_and_the_process_list(prefect_server: str) -> None:
    """A secret in an artifact, hidden by base64, and one in an argument list are both found."""
    from prefect.artifacts import create_markdown_artifact

    secret = f"canary-{os.urandom(9).hex()}"
    hunter = Hunter({"planted": secret})
    assert hunter.hits(prefect_files()) == []
    create_markdown_artifact(base64.b64encode(f"it is {secret}.".encode()).decode(), key="planted")
    assert any("prefect-test.db" in hit for hit in hunter.hits(prefect_files()))
    processes = Processes()
    with processes.watched():
        subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(0.3)", secret], check=True)
    assert hunter.hits(iter([("argv", b"\n".join(processes.seen))])) == ["planted in argv"]
