"""The stand-in for the `docker` program: docker's words, docker's exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.blocks.docker_support import running_engine
from tests.flows.support import wait_until
from tests.sandbox import docker_cli
from tests.sandbox.docker_engine import Engine

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PROGRAM = [sys.executable, "-S", "-E", "-I", str(Path(docker_cli.__file__))]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine whose host has the images of the guide."""
    with running_engine(tmp_path) as (engine, _):
        yield engine


@pytest.fixture
def docker(engine: Engine, tmp_path: Path) -> Run:
    """Runs the program at that engine."""

    def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": os.defpath, "HOME": str(tmp_path), "SANDBOX_DOCKER_SOCKET": str(engine.socket)}
        return subprocess.run(
            [*PROGRAM, *words], input=stdin, env={**known, **environment}, capture_output=True, text=True, timeout=60
        )

    return run


def serves(port: int) -> bool:
    """Whether a ClickHouse answers there: one that is told to stop while it starts may take its time."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_exec_joins_its_streams_with_a_command(docker: Run, engine: Engine) -> None:
    """What is given comes back, the exit code is the command's, also of one that does not read; none without a run."""
    docker("run", "-d", "--name", "db", "--network", "none", "portsip/clickhouse:25.8")
    assert docker("exec", "-i", "db", "tr", "a", "b", stdin="banana\n" * 9_000).stdout == "bbnbnb\n" * 9_000
    for command in ("exit 7", "cat; exit 7", "exec <&- >&- 2>&-; sleep 0.1; exit 7"):
        assert docker("exec", "-i", "db", "bash", "-c", command).returncode == 7
    assert docker("exec", "db", "echo", "8123").stdout == f"{engine.container('db').port}\n"
    docker("stop", "db")
    assert "is not running" in docker("exec", "-i", "db", "true").stderr


def test_run_passes_every_option_on(docker: Run, engine: Engine) -> None:
    """What the vendor's script says on the command line is what the engine shows."""
    options = "--network host --restart unless-stopped --user root --label a=b --cap-add SYS_NICE"
    health = ["--health-cmd", "wget x", "--health-interval", "500ms", "--health-retries", "3"]
    bind = f"{engine.root}/var/lib/portsip/clickhouse/data:/var/lib/clickhouse"
    words = ["--name", "db", *options.split(), "-e", "CLICKHOUSE_PASSWORD", "-v", bind, *health]
    done = docker("run", "-d", *words, "portsip/clickhouse:25.8", CLICKHOUSE_PASSWORD="pw")
    assert (done.returncode, len(done.stdout.strip())) == (0, 64), done.stderr
    shown = json.loads(docker("inspect", "db").stdout)[0]
    assert shown["Config"]["Env"] == ["CLICKHOUSE_PASSWORD=pw"]
    assert shown["Config"]["Labels"] == {"a": "b"}
    assert shown["Config"]["Healthcheck"]["Interval"] == 500_000_000
    assert shown["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert shown["Mounts"][0]["Source"] == "/var/lib/portsip/clickhouse/data"
    assert docker("ps", "-a", "--format", "{{.Names}}").stdout == "db\n"
    wait_until(lambda: serves(engine.container("db").port), "ClickHouse to serve")
    assert docker("stop", "-t", "120", "db").stdout == "db\n"
    assert docker("inspect", "db", "--format", "{{.State.ExitCode}}").stdout == "0\n"


def test_a_run_in_front_waits_and_returns_the_exit_code(docker: Run) -> None:
    """`run --rm` shows the output, ends with the container's code and leaves no container."""
    done = docker("run", "--rm", "--name", "once", "portsip/pbx:22", "nonsense")
    assert (done.returncode, done.stdout) == (127, "no such program in this image\n")
    assert docker("ps", "-a", "--format", "{{.Names}}").stdout == ""


def test_pull_tells_and_fails_like_docker(docker: Run, engine: Engine) -> None:
    """Progress on standard output, errors on standard error, exit code 1."""
    assert docker("pull", "portsip/clickhouse:24.8").stdout.endswith("docker.io/portsip/clickhouse:24.8\n")
    missing = docker("pull", "portsip/pbx:99")
    assert missing.returncode == 1
    assert missing.stderr.startswith("Error response from daemon: manifest for portsip/pbx:99 not found")
    engine.images.remove("portsip/clickhouse:24.8", force=True)
    engine.registry.fail_after = 40
    broken = docker("pull", "portsip/clickhouse:24.8")
    assert (broken.returncode, broken.stderr) == (1, "unexpected EOF\n")


def test_a_login_is_kept_for_the_next_pull(docker: Run, engine: Engine) -> None:
    """In ~/.docker/config.json, as docker does."""
    engine.registry.user, engine.registry.password = "me", "secret"
    assert "pull access denied" in docker("pull", "portsip/clickhouse:24.8").stderr
    assert docker("login", "-u", "me", "-p", "wrong").returncode == 1
    assert docker("login", "-u", "me", "--password-stdin", stdin="secret\n").stdout == "Login Succeeded\n"
    assert docker("pull", "portsip/clickhouse:24.8").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("inspect nothing", 1, "Error: No such object: nothing"),
        ("start nothing", 1, "Error response from daemon: No such container: nothing"),
        ("image inspect nothing:1", 1, "Error: No such image: nothing:1"),
        ("dance", 1, "docker: 'dance' is not a docker command."),
        ("run -d --name x portsip/pbx:none", 1, "Unable to find image 'portsip/pbx:none' locally"),
    ],
)
def test_errors_are_dockers_own(docker: Run, words: str, code: int, said: str) -> None:
    """Scripts look for these words."""
    done = docker(*words.split())
    assert done.returncode == code
    assert said in done.stderr


def test_prune_removes_what_has_the_label_and_no_container(docker: Run, engine: Engine) -> None:
    """The last step of the vendor's upgrade."""
    done = docker("image", "prune", "-a", "-f", "--filter", "label=product=PBX")
    assert "untagged: portsip/pbx:22" in done.stdout
    assert [image.tags for image in engine.images.all()] == [["portsip/clickhouse:25.8"]]


def test_dial_stdio_joins_both_ways(docker: Run) -> None:
    """The end of standard input reaches the engine, and its last answer still comes back."""
    request = "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /version HTTP/1.1\r\nHost: d\r\n\r\n"
    done = docker("system", "dial-stdio", stdin=request)
    assert done.returncode == 0
    assert done.stdout.count("HTTP/1.1 200 OK") == 2


def test_a_forbidden_socket_needs_sudo(docker: Run, engine: Engine) -> None:
    """As for a user who is not in the group docker."""
    engine.allow_users(False)
    assert "permission denied" in docker("version").stderr
    assert docker("version", SUDO_USER="pbx").returncode == 0


def test_a_stopped_engine_is_named(docker: Run, engine: Engine) -> None:
    """Docker's question whether it runs; afterwards it can be started again."""
    engine.stop_daemon()
    done = docker("info")
    assert (done.returncode, "Is the docker daemon running?" in done.stderr) == (1, True)
    engine.start_daemon()
    assert "Docker Root Dir: /var/lib/docker" in docker("info").stdout
