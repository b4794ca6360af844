"""The sandbox's ClickHouse begins anew when its engine is stuck at its start, as that of chdb is now and then."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.sandbox import docker_run_clickhouse
from tests.sandbox.containers import PYTHON
from tests.sandbox.docker_run_clickhouse import listens
from tests.sandbox.prefect_server import free_port

ENGINE = """
import socket, sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import docker_run_clickhouse as run

def wait_for_ever():
    threading.Event().wait()

def work_for_two_seconds():
    end = time.monotonic() + 2
    while time.monotonic() < end:
        sum(range(1000))
        time.sleep(0.05)

def serve(library, config):
    begun = Path(config).with_name("begun")
    if not begun.exists():
        begun.touch()
        {first}()
    print("serving", flush=True)
    server = socket.create_server(("127.0.0.1", {port}))
    wait_for_ever()

run.STUCK, run.LOOKS, run.serve = 1.0, 10, serve
run.main(sys.argv[1], sys.argv[2])
"""


def served(tmp_path: Path, first: str) -> str:
    """What such a server says until it listens; its first start does this."""
    port, config, script = free_port(), tmp_path / "config.xml", tmp_path / "engine.py"
    config.write_text(f"<http_port>{port}</http_port>")
    script.write_text(ENGINE.format(first=first, port=port))
    folder = str(Path(docker_run_clickhouse.__file__).parent)
    argv = [*PYTHON, str(script), "no library", str(config), folder]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it never listened"
            time.sleep(0.05)
        process.kill()
        assert process.stdout is not None
        return process.stdout.read()


def test_a_start_that_is_stuck_is_begun_anew_in_the_same_process(tmp_path: Path) -> None:
    """The container keeps its process, and what looks at it sees a start that takes some seconds longer."""
    assert served(tmp_path, "wait_for_ever").splitlines() == [
        "The engine is stuck at its start, no CPU for 1 s: beginning anew.",
        "serving",
    ]


def test_a_start_that_is_slow_is_left_alone(tmp_path: Path) -> None:
    """Twice as long as a stuck one is waited for, but at work."""
    assert served(tmp_path, "work_for_two_seconds").splitlines() == ["serving"]
