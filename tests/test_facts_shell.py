"""The questions to a host as real shell text: they run, they tell what is there, and they print no secret."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.core.change import ChangeLock
from flows.core.change_state import ChangeState, as_json
from flows.core.facts import (
    Question,
    ask,
    control_questions,
    folders_of,
    host_facts,
    host_questions,
    password_record,
    script_facts,
    server_questions,
    split,
)
from flows.core.health.questions import MOST_STATES, inodes, log_bytes, notes, of_control, of_server
from flows.core.numbers import STATE_FOLDER

SCRIPT = """#!/bin/bash
while getopts "p:a:A:i:d:" opt; do case $opt in p) path=$OPTARG;; esac; done
case $1 in
run) shift; create "$@" ;;
start) start ;;
esac
"""


def test_the_text_that_asks_really_runs() -> None:
    """The one shell text runs in bash and in a plain sh; codes, line ends, marks and input stay apart."""
    questions = (
        Question("no-line-end", "printf abc"),
        Question("code", "exit 7"),
        Question("tricky", "echo '1-2 end tricky 0'; echo 'facts-mark 1-2'"),
        Question("quiet", "echo seen; echo hidden >&2"),
        Question("loud", "echo trouble >&2; false", errors=True),
        Question("input", "cat; echo rest"),
        Question("missing", "no-such-program-anywhere"),
        Question("empty", "true"),
    )
    for shell in ("bash", "sh"):
        run = subprocess.run([shell, "-c", ask(questions)], capture_output=True, text=True, check=True, input="xyz")
        assert split(run.stdout) == {
            "no-line-end": (0, "abc"),
            "code": (7, ""),
            "tricky": (0, "1-2 end tricky 0\nfacts-mark 1-2\n"),
            "quiet": (0, "seen\n"),
            "loud": (1, "trouble\n"),
            "input": (0, "rest\n"),
            "missing": (127, ""),
            "empty": (0, ""),
        }


def test_the_real_questions_run_on_this_machine(tmp_path: Path) -> None:
    """Every question of a host is answered with an exit code, and what every machine has is known.

    The package tools are left out, because they take seconds.
    """
    for name in ("bash", "cat", "date", "df", "lsblk", "nproc", "uname", "ip", "ps"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    questions = host_questions(folders_of("/no/such/folder"), (), server_questions("/no/such"))
    run = subprocess.run(
        ["bash", "-c", ask(questions)], capture_output=True, text=True, check=True, env={"PATH": str(tmp_path)}
    )
    answers = split(run.stdout)
    assert set(answers) == {question.name for question in questions}
    host = host_facts("here", answers, sent=0.0, received=0.0, folders=folders_of("/no/such/folder"))
    assert host.vcpu is not None and host.memory is not None and host.disks is not None
    assert [disk.path for disk in host.disks] == list(folders_of("/no/such/folder"))
    assert host.disks[1].mount == host.disks[0].mount


def run_control(folder: Path, programs: Path) -> dict[str, tuple[int, str]]:
    """Ask the control node's questions of a folder on this machine, with our own stand-ins first on PATH."""
    text = ask(control_questions(str(folder), "dataflow.sh", "192.0.2.1", "pbx"))
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)}
    run = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True, env=environment)
    return split(run.stdout)


def program(folder: Path, name: str, text: str) -> None:
    """Put a small program on PATH."""
    path = folder / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A sudo that always works and an ssh that never does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "sudo", 'shift; exec "$@"')
    program(folder, "ssh", "exit 255")
    return folder


def test_the_control_nodes_answers(tmp_path: Path, programs: Path) -> None:
    """Script, hash, variables, HA words, key and known host are read by the real shell text."""
    folder = tmp_path / "portsip guide"
    (folder / "res").mkdir(parents=True)
    (folder / "dataflow.sh").write_text(SCRIPT)
    (folder / "ha_ctl.sh").write_text('[ "$1" = status ] && echo "pbx (ocf::portsip:pbx): Started pbx01"')
    (folder / "res" / "vars.yml").write_text("pbx_image: portsip/pbx:22\n")
    (folder / ".ssh").mkdir()
    (folder / ".ssh" / "id_rsa.pub").write_text("ssh-rsa AAAA pbx@pbx01\n")
    (folder / ".ssh" / "known_hosts").write_text("192.0.2.1 ssh-ed25519 AAAAC3\n")
    program(programs, "ssh-keygen", "echo '# Host 192.0.2.1 found: line 1'; echo '192.0.2.1 ssh-ed25519 AAAAC3'")
    answers = run_control(folder, programs)
    script = script_facts(str(folder), "dataflow.sh", answers, "ssh-ed25519 AAAAC3")
    assert script.present is True
    assert len(script.sha256) == 64
    assert script.verbs[0] == "run" and script.options == ("A", "a", "d", "i", "p")
    assert script.variables == {"pbx_image": "portsip/pbx:22"}
    assert script.ha_status is not None and "Started pbx01" in script.ha_status
    assert (script.public_key, script.knows_server, script.logs_in) == ("ssh-rsa AAAA pbx@pbx01", True, False)
    assert script_facts(str(folder), "x", answers, "ssh-ed25519 BBBB").knows_server is False
    assert script_facts(str(folder), "x", answers, "SHA256:pinned-by-hash").knows_server is None


def test_a_missing_script_is_absent_and_a_missing_key_is_empty(tmp_path: Path, programs: Path) -> None:
    """Not there is an answer; what could not be read is unknown."""
    script = script_facts("/f", "n", run_control(tmp_path / "nowhere", programs))
    assert script.present is False
    assert (script.sha256, script.options, script.variables, script.ha_status) == ("", (), None, None)
    assert script.public_key == ""


def test_show_is_asked_where_status_is_an_unknown_word(tmp_path: Path, programs: Path) -> None:
    """An unknown verb prints `[error]:` and exits 0; the words of `show` are taken then."""
    words = 'if [ "$1" = show ]; then echo "Cluster name: c"; else echo "[error]: unknown command $1"; fi'
    (tmp_path / "ha_ctl.sh").write_text(words)
    assert script_facts("/f", "n", run_control(tmp_path, programs)).ha_status == "Cluster name: c\n"


def test_what_a_health_check_asks_is_answered_by_any_shell(tmp_path: Path, programs: Path) -> None:
    """Nothing there yet, then a lock and more changes than are read; the size of the logs, the inodes."""
    state, data = tmp_path / "state", tmp_path / "data"
    (data / "clickhouse" / "log").mkdir(parents=True)
    questions = (*of_control("/f", "n"), *of_server(str(data), ("/",)))
    text = ask(questions).replace(STATE_FOLDER, str(state))
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}

    def answers(shell: str) -> dict[str, tuple[int, str]]:
        run = subprocess.run([shell, "-c", text], capture_output=True, text=True, check=True, env=environment)
        return split(run.stdout)

    for shell in ("bash", "sh"):
        first = answers(shell)
        nothing, size, room = notes(first), log_bytes(first), inodes(first)
        assert nothing is not None and (nothing.lock, nothing.left_open) == (None, ())
        assert size is not None and room is not None and room[0] >= room[1]
    (data / "clickhouse" / "log" / "clickhouse-server.log").write_bytes(bytes(100_000))
    for number in range(MOST_STATES + 5):
        (state / "changes" / f"c{number}").mkdir(parents=True)
        change = ChangeState(f"c{number}", "upgrade", "prod", "t")
        (state / "changes" / f"c{number}" / "state.json").write_text(as_json(change))
    lock = ChangeLock("r", "h", "s", "l", "upgrade", "t", "script", change="c3")
    (state / "change.lock").write_text(json.dumps(lock.as_dict()))
    for shell in ("bash", "sh"):
        second = answers(shell)
        found = notes(second)
        assert (log_bytes(second) or 0) >= 100_000
        assert found is not None and found.lock == lock
        assert len(found.states or ()) == MOST_STATES
    (state / "change.lock").write_text("half a lo")
    assert notes(answers("sh")) is None


def test_the_password_itself_is_never_printed(tmp_path: Path, programs: Path) -> None:
    """The question counts the lines; the secret stays in its file."""
    (tmp_path / "dataflow").mkdir()
    (tmp_path / "dataflow" / "system.ini").write_text("[dataflow]\npassword = s3cret-s3cret\n")
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}
    text = ask(q for q in server_questions(str(tmp_path)) if q.name == "password")
    run = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True, env=environment)
    assert "s3cret" not in run.stdout + run.stderr
    assert password_record(split(run.stdout)) == (True, True)
