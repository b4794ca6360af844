"""No secret leaves its block (promise P8): a hunt for every secret through everything that runs leave behind."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from tests.flows.conftest import Run
from tests.flows.story_support import block_of, edited, failed_step
from tests.sandbox import vendor
from tests.sandbox.world import World

PASSWORD_FILE = "/var/lib/portsip/dataflow/system.ini"
VENDOR_KEEPS = (PASSWORD_FILE, f"{vendor.VARIANTS['22.8'].folder}/docker-compose.yml")
"""Where the vendor's own script writes ClickHouse's password, on the server; nothing else is left out of the hunt."""

CANARIES = ("sudo", "registry", "passphrase", "wrong ssh", "wrong pbx", "wrong registry", "wrong clickhouse")


class Hunter:
    """Finds secrets in bytes: as they are, as JSON or a web address spells them, in hexadecimal, inside base64."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        assert all(len(secret) >= 12 for secret in secrets.values()), "a short one is found by chance"
        self._names = {spelled: name for name, secret in secrets.items() for spelled in _spellings(secret.encode())}

    def hits(self, places: Iterator[tuple[str, bytes]]) -> list[str]:
        """Which secret was found where; the secret itself is not told."""
        return sorted({f"{name} in {place}" for place, data in places for s, name in self._names.items() if s in data})


def _spellings(secret: bytes) -> set[bytes]:
    text = secret.decode()
    found = {secret, json.dumps(text)[1:-1].encode(), urllib.parse.quote(text, safe="").encode(), secret.hex().encode()}
    for shift in range(3):  # where in a group of three bytes it begins; characters that its neighbours decide are cut
        left, right = (0, 2, 3)[shift], (0, 3, 2)[(shift + len(secret)) % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text64 = encode(bytes(shift) + secret)
            found.add(text64[left : len(text64) - right])
    return found


class Processes:
    """Every argument list that was seen on this machine while it watched."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all processes a hundred times a second."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    with suppress(OSError):  # it has ended meanwhile
                        self.seen.add(Path(entry.path, "cmdline").read_bytes())


class Printed(logging.Handler):
    """Every record that any logger has, as it would be printed, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(self.format(record))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear all loggers that there are, also those that keep what they say to themselves."""
        every = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
        loud = [logger for logger in every if logger is logging.root or not logger.propagate]
        for logger in loud:
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger in loud:
                logger.removeHandler(self)


def prefect_files() -> Iterator[tuple[str, bytes]]:
    """Prefect's database with its journal, its stored results, and whatever else is in its home."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    url = settings.server.database.connection_url
    assert url is not None
    database = Path(url.get_secret_value().partition("///")[2])
    assert database.exists()
    for folder in (database.parent, settings.home):
        yield from _files(folder, "Prefect's ")


def _files(folder: Path, name: str, but: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    for file in folder.rglob("*"):
        shown = f"/{file.relative_to(folder)}"
        if file.is_file() and not file.is_symlink() and shown not in but:
            with suppress(FileNotFoundError):  # ClickHouse has just merged it away
                yield f"{name}{shown}", file.read_bytes()


def remote_places(world: World) -> Iterator[tuple[str, bytes]]:
    """Every file of the machines, and every command that reached them."""
    for host in (world.control, world.second, world.third, world.server):
        yield from _files(host.root, f"{host.name}:", VENDOR_KEEPS if host is world.server else ())
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


@pytest.mark.timeout(240)
def test_no_secret_is_found_anywhere(
    world: World, cluster: Any, planted: dict[str, str], install: Callable[..., Run]
) -> None:
    """Not in Prefect's database and files, not in a process list, not on the machines, not in what was printed."""
    processes, printed = Processes(), Printed()
    with processes.watched(), printed.listening():
        runs = _runs(world, cluster, planted, install)
    ends = [run.ended if run.ended == "COMPLETED" else failed_step(run) for run in runs]
    assert ends == ["pull-image", "recreate", "COMPLETED", "settle", "look", "look"]
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
    assert hunter.hits(_files(world.server.root, "")) == kept
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
    assert hunter.hits(_files(tmp_path, "")) == [f"planted in /{name}" for name in sorted(forms)]
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
