"""The stand-ins for the vendor's scripts, run on the sandbox's control node against a Docker of a few lines."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.sandbox import vendor
from tests.sandbox.host import Host

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

FOLDER = vendor.FOLDER
PLACE = "/var/lib/portsip"

# Containers are files below <root>/run; enough to see in which order the script asks for what.
DOCKER = r"""#!/bin/bash
echo "$*" >>"$SANDBOX_ROOT/run/docker-calls"
echo "${CLICKHOUSE_PASSWORD-}" >>"$SANDBOX_ROOT/run/docker-passwords"
name=${*: -1}
case $1 in
run) while [[ $1 != --name ]]; do [[ $1 != --rm ]] || rm=yes; shift; done
  [[ ${rm-} ]] || touch "$SANDBOX_ROOT/run/c-$2" ;;
inspect) [[ -e $SANDBOX_ROOT/run/c-$name ]] || { echo "Error: No such object: $name" >&2; exit 1; }
  echo '"Status": "healthy"' ;;
rm) rm "$SANDBOX_ROOT/run/c-$name" ;;
image) [[ $2 != inspect ]] || echo '"version": "22.8.0.2104"' ;;
esac
"""

Cluster = tuple[Host, Host]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Control node and server with a key between them."""
    root = tmp_path_factory.mktemp("cluster")
    with (
        Host("pbx01", root / "pbx01", "192.168.1.21", password="x") as control,
        Host("dataflow01", root / "dataflow01", "192.168.1.26", password="x") as server,
    ):
        control.know("192.168.1.26", server.ssh_port)
        local(control, "ssh-keygen -q -t rsa -b 2048 -N '' -f ~/.ssh/id_rsa")
        control.write("/home/pbx/.ssh/known_hosts", f"192.168.1.26 {server.host_key}\n")
        server.write("/home/pbx/.ssh/authorized_keys", control.path("/home/pbx/.ssh/id_rsa.pub").read_text(), 0o600)
        server.write("/bin/docker", DOCKER, 0o755)
        yield control, server


@pytest.fixture(params=["22.3", "22.8"])
def variant(request: pytest.FixtureRequest, cluster: Cluster) -> vendor.Variant:
    """Each shape of the script in turn, on a server that has none yet."""
    control, server = cluster
    settle_anew(control, server)
    vendor.install(control, request.param)
    return vendor.VARIANTS[request.param]


def settle_anew(control: Host, server: Host) -> None:
    """Forget what another test left."""
    known = (control.path(f"{FOLDER}/.dataflow_server"), server.path(f"{PLACE}/dataflow/system.ini"))
    traces = (*server.path("/run").iterdir(), *control.path("/run").iterdir(), *known)
    for place in (*traces, *server.path("/opt").rglob(".configure_dataflow")):
        place.unlink(missing_ok=True)
    vendor.settle(control, SECONDS_PER_STEP=0)


def local(host: Host, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the host without an SSH connection of its own."""
    words, nothing = ["/bin/bash", "-c", command], subprocess.DEVNULL
    return subprocess.run(words, env=host.environment, capture_output=True, text=True, timeout=60, stdin=nothing)


def script(control: Host, words: str) -> subprocess.CompletedProcess[str]:
    """Run dataflow.sh as the guide says."""
    return local(control, f"cd {control.path(FOLDER)} && /bin/bash dataflow.sh {words}")


def calls(server: Host) -> str:
    """What Docker was asked for since the last look."""
    place = server.path("/run/docker-calls")
    text = place.read_text() if place.exists() else ""
    place.unlink(missing_ok=True)
    return text


def test_run_installs_records_and_starts_the_writer_last(cluster: Cluster, variant: vendor.Variant) -> None:
    """Containers, saved parameters, password file and its modes are as documented; -i and -d have their defaults."""
    control, server = cluster
    said = script(control, f"run -p {PLACE} -a 192.168.1.26")
    assert (said.returncode, said.stderr) == (0, "")
    (password,) = re.findall(r"^\[info\]: generate new password (\w{20})$", said.stdout, re.M)
    file = server.path(f"{PLACE}/dataflow/system.ini")
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"[dataflow]\npassword={password}\n", 0o600)
    saved = server.path(f"{variant.folder}/.configure_dataflow").read_text()
    quote = variant.quote
    assert f"DATA_PATH={quote}{PLACE}{quote}\n" in saved
    assert f"PBX_IP_ADDRESS={quote}192.168.1.20{quote}\nDATAFLOW_IMG={quote}portsip/pbx:22{quote}\n" in saved
    asked = calls(server)
    runs = re.findall(r"^run .*--name (\S+)", asked, re.M)
    assert runs == [variant.database, "portsip.dataflow_initdt", variant.database, variant.writer]
    assert f"working_dir={variant.folder} " in asked
    assert f"-v {server.path(PLACE)}/clickhouse/data:/var/lib/clickhouse" in asked
    assert asked.rstrip().endswith("dataflow serve -D /var/lib/portsip/dataflow -a 192.168.1.20 -x 192.168.1.26")
    assert password not in asked
    assert password in server.path("/run/docker-passwords").read_text()


def test_a_second_run_keeps_the_password_and_prints_it(cluster: Cluster, variant: vendor.Variant) -> None:
    """Without the key in its section, a later section's is taken: the vendor's trap."""
    control, server = cluster
    server.write(f"{PLACE}/dataflow/system.ini", "[dataflow]\n[other]\npassword = later\n")
    said = script(control, f"run -p {PLACE} -a 192.168.1.26")
    assert "[info]: use existed old password later\n" in said.stdout


def test_upgrade_honours_or_ignores_the_clickhouse_image(cluster: Cluster, variant: vendor.Variant) -> None:
    """The older shape complains about -d, goes on with the old image, and exits 0; both prune at the end."""
    control, server = cluster
    script(control, f"run -p {PLACE} -a 192.168.1.26 -d portsip/clickhouse:24.8")
    calls(server)
    said = script(control, "upgrade -d portsip/clickhouse:25.8 -i portsip/pbx:22.9")
    asked = calls(server)
    assert said.returncode == 0
    ignored = variant.upgrade_options == "i:"
    assert ("illegal option -- d" in said.stderr) is ignored
    assert ("pull portsip/clickhouse:24.8" in asked) is ignored
    assert ("pull portsip/pbx:22\n" in asked) is ignored  # -i behind the unknown option is lost with it
    assert re.findall(r"^stop .*", asked, re.M)[:2] == [f"stop {variant.writer}", f"stop {variant.database}"]
    assert asked.endswith("image prune -a -f --filter label=product=PBX\n")


def test_the_other_verbs(cluster: Cluster, variant: vendor.Variant) -> None:
    """They know the server by themselves; stop waits 300 s; after rm neither start nor upgrade works."""
    control, server = cluster
    assert (script(control, "start").stdout, script(control, "start").returncode) == (
        "[error]: the data flow server is not installed\n",
        255,
    )
    script(control, f"run -p {PLACE} -a 192.168.1.26")
    calls(server)
    assert script(control, "restart").returncode == 0
    both = f"{variant.database} {variant.writer}"
    wanted = f"stop -t 300 {variant.writer}\nstop -t 300 {variant.database}\ninspect {variant.database}\nstart {both}\n"
    assert calls(server) == wanted
    assert script(control, "rm").returncode == 0
    assert script(control, "start").stderr == 'service "database" has no container to start\n'
    again = script(control, "upgrade")
    assert (again.returncode, again.stderr) == (1, f"Error: No such object: {variant.writer}\n")
    unknown = script(control, "status")
    assert (unknown.returncode, unknown.stdout) == (0, "[error]: unknown command status\n")


@pytest.mark.parametrize("step", [1, 2, 6, 9, 14, 17])
def test_it_stops_before_the_step_that_is_named(cluster: Cluster, step: int) -> None:
    """Whatever is before that step was done, nothing behind it; with `error-line` the exit code is 0."""
    control, server = cluster
    settle_anew(control, server)
    vendor.install(control)
    failures = [("exit", 255), ("error-line", 0), ("kill", -9)]
    for how, code in failures if step == 6 else failures[:1]:
        vendor.settle(control, SECONDS_PER_STEP=0, FAIL_AT_STEP=step, FAIL_HOW=how)
        said = script(control, f"run -p {PLACE} -a 192.168.1.26")
        assert said.returncode == code
        assert (f"[error]: step {step} did not work" in said.stdout) is (how != "kill")
        assert vendor.current_step(control) == step
    asked = calls(server)
    assert ("image inspect" in asked) is (step > 9)
    assert ("initdt_dataflow.sh" in asked) is (step > 14)
    assert server.path("/run/c-portsip.dataflow").exists() is False


def test_it_can_hang_until_it_is_let_go(cluster: Cluster) -> None:
    """The step is known while it hangs."""
    control, server = cluster
    settle_anew(control, server)
    vendor.install(control)
    vendor.settle(control, SECONDS_PER_STEP=0, FAIL_AT_STEP=1, FAIL_HOW="hang")
    command = ["/bin/bash", str(control.path(f"{FOLDER}/dataflow.sh")), "run"]
    with subprocess.Popen(command, env=control.environment, stdout=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 10
        while vendor.current_step(control) != 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert running.poll() is None
        vendor.let_go_on(control)
        assert running.communicate(timeout=10)[0] == "[error]: option -p is required\n"
        assert running.returncode == 255


def test_it_asks_on_the_terminal(cluster: Cluster) -> None:
    """The question appears without a line end, and the answer lets it go on."""
    control, server = cluster
    settle_anew(control, server)
    vendor.install(control)
    vendor.settle(control, SECONDS_PER_STEP=0, FAIL_AT_STEP=1, FAIL_HOW="ask")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/bin/bash", ["bash", str(control.path(f"{FOLDER}/dataflow.sh")), "run"], control.environment)
    seen = read_until(terminal, b"(Y/I/N/O/D/Z) [default=N] ? ")
    os.write(terminal, b"Y\n")
    assert b"[info]: continue with Y" in read_until(terminal, b"-p is required")
    assert seen.startswith(b"*** cloud.cfg")
    os.waitpid(pid, 0)
    os.close(terminal)


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What the terminal shows, up to and with the wanted bytes."""
    seen = b""
    while wanted not in seen and select.select([terminal], [], [], 10)[0]:
        seen += os.read(terminal, 4096)
    assert wanted in seen
    return seen


def test_docker_can_be_installed_by_the_script(cluster: Cluster) -> None:
    """A server that has an engine but no command line yet gets it from the package."""
    control, server = cluster
    settle_anew(control, server)
    vendor.install(control)
    server.path("/bin/docker").unlink()
    try:
        server.write("/lib/docker", DOCKER, 0o755)
        said = script(control, f"run -p {PLACE} -a 192.168.1.26")
        assert (said.returncode, "[info]: install docker\n" in said.stdout) == (0, True)
    finally:
        server.path("/bin/docker").unlink(missing_ok=True)
        server.write("/bin/docker", DOCKER, 0o755)
