"""The program that runs the vendor's script on the control node, as a real process: nothing of ours interrupts it."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.job_support import HOLD, JOB, PYTHON, SECRET, Node, answer, command_of, until


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A control node on which nothing is left running."""
    yield Node(tmp_path)
    for state in tmp_path.glob("runs/*/state.json"):
        for pid in (json.loads(state.read_text())[key] for key in ("pid", "script_pid")):
            if str(JOB).encode() in (cmdline := command_of(pid)) or str(tmp_path).encode() in cmdline:
                os.kill(pid, signal.SIGKILL)


def test_it_answers_at_once_and_the_script_runs_detached(node: Node) -> None:
    """The start returns while the script runs, in a session of its own, with nothing of the caller's held open."""
    state = node.start(f"echo begun; {HOLD}; exit 3")
    assert (state["state"], state["attached"]) == ("running", False)
    assert os.getsid(state["pid"]) != os.getsid(0)
    with node.follow() as told:
        seen = next(each for each in told if each["text"])
        assert (seen["state"], seen["text"]) == ("running", "begun\n")
        assert os.getsid(state["script_pid"]) == state["script_pid"]
        node.go()
    ended = node.ended()
    assert (ended["state"], ended["exit_code"]) == ("finished", 3)
    assert ended["started"] <= ended["ended"]


def test_it_runs_on_when_the_session_that_started_it_is_killed(node: Node, tmp_path: Path) -> None:
    """As when the link to the control node breaks: everything of the old session is gone, the script is not."""
    words = [*PYTHON, "start", str(node.run("one")), str(tmp_path), "/bin/bash", "-c", f"{HOLD}; echo survived"]
    settings = json.dumps({"env": {}, "patterns": [], "words": [], "secrets": [], "prompt_after": 9})
    with subprocess.Popen(
        ["/bin/bash", "-c", '"$@" <<<"$SETTINGS"; sleep 60', "shell", *words],
        env={**os.environ, "SETTINGS": settings},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as session:
        assert session.stdout is not None
        session.stdout.readline()
        for number in (signal.SIGHUP, signal.SIGKILL):
            os.killpg(session.pid, number)
    node.go()
    assert (node.ended()["exit_code"], (node.run("one") / "log").read_text()) == (0, "survived\n")


def test_a_signal_that_ends_the_script_is_told(node: Node) -> None:
    """The exit code is minus the signal's number."""
    node.start("kill -KILL $$")
    assert node.ended()["exit_code"] == -9


def test_the_script_finds_what_a_shell_of_the_account_would_give_it(node: Node) -> None:
    """A terminal, the caller's umask, the settings, and pipes that end whoever writes into a closed one."""
    script = (
        "[ -t 0 ] && echo terminal; umask; echo $DEBIAN_FRONTEND; yes | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}"
    )
    text = node.transcript(script, shell="umask 027", env={"DEBIAN_FRONTEND": "noninteractive"})
    assert text == "terminal\n0027\nnoninteractive\n141\n"


def test_secrets_colours_and_carriage_returns_do_not_reach_the_log(node: Node) -> None:
    """By value and by pattern, also cut into pieces or coloured in the middle, and characters cut between reads."""
    script = f"""
    echo 'generate new password Xy12ab'; echo 'token: abc def'; echo 'value {SECRET}.'
    printf 'in pieces s3cret'; sleep 0.3; printf -- '-\\303'; sleep 0.3; printf '\\234n\\303\\257 done\\n'
    printf '\\033[31ms3cret-\\033[1;32mÜnï\\033(B\\033[m red\\n'; printf '10%%\\r50%%\\r\\n'; printf 'no end'
    """
    assert node.transcript(script).splitlines() == [
        "generate new password ***",
        "token: ***",
        "value ***.",
        "in pieces *** done",
        "*** red",
        "10%",
        "50%",
        "no end",
    ]


def test_a_secret_in_an_endless_line_does_not_reach_the_log(node: Node) -> None:
    """A line is shown up to its 8192nd character; the secret across that place is not shown by half."""
    text = node.transcript(f"head -c 8187 /dev/zero | tr '\\0' x; echo -n '{SECRET}'; sleep 0.3; echo end; echo next")
    assert "s3cre" not in text
    assert text.splitlines() == ["x" * 8187 + "***en", "next"]


def test_nobody_else_may_read_what_it_writes(node: Node) -> None:
    """Folders 0700 and files 0600, whatever umask the caller has."""
    node.start(HOLD, shell="umask 000")
    modes = {place.name: place.stat().st_mode & 0o777 for place in node.folder.rglob("*")}
    wanted = dict.fromkeys(("state.json", "log", "answer", "script.lock"), 0o600) | {"runs": 0o700, "one": 0o700}
    assert modes == wanted


def test_a_second_start_of_the_same_run_attaches(node: Node) -> None:
    """While the script runs and after it ended: it is never started twice."""
    first = node.start(f"echo start >>starts; {HOLD}; exit 5")
    second = node.start("echo start >>starts")
    assert (second["attached"], second["script_pid"]) == (True, first["script_pid"])
    node.go()
    node.ended()
    third = node.start("echo start >>starts")
    assert (third["attached"], third["state"], third["exit_code"]) == (True, "finished", 5)
    assert (node.folder / "starts").read_text() == "start\n"


def test_another_run_is_told_which_script_runs(node: Node) -> None:
    """The refusal names the script's process and folder, and nothing was started; later it may."""
    first = node.start(HOLD)
    refused = node.start("true", name="two")
    told = (refused["state"], refused["script_pid"], refused["folder"])
    assert told == ("busy", first["script_pid"], str(node.run("one")))
    assert not (node.run("two") / "state.json").exists()
    assert node.state("two")["state"] == "absent"
    node.go()
    node.ended()
    assert node.start("true", name="two")["attached"] is False


def test_a_daemon_that_the_script_leaves_behind_keeps_nothing(node: Node) -> None:
    """Though it goes on writing to the terminal: the end is recorded and the next script may start."""
    daemon = "trap '' HUP; while :; do echo noise; sleep 0.02; done"
    node.start(f"({daemon}) & echo $! >daemon; sleep 0.1; exit 4")
    assert node.ended()["exit_code"] == 4
    daemon_pid = int((node.folder / "daemon").read_text())
    try:
        again = node.start("exit 6", name="two")
        assert Path(f"/proc/{daemon_pid}").exists()
        assert again["attached"] is False
        assert node.ended("two")["exit_code"] == 6
    finally:
        os.kill(daemon_pid, signal.SIGKILL)


def test_a_killed_runner_is_seen_once_its_script_has_ended(node: Node) -> None:
    """Until then the script counts as running and keeps others out; then the run has died, also beside another one."""
    state = node.start(f"{HOLD}; sleep 0.1")
    script = state["script_pid"]  # before it has a session of its own, the end of its terminal would end it, too
    until(lambda: os.getsid(script), lambda session: session == script)
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: command_of(state["pid"]), lambda command: not command)
    assert node.state()["state"] == "running"
    assert node.start("true")["attached"] is True
    assert node.start("true", name="two")["state"] == "busy"
    node.go()
    assert node.ended()["state"] == "died"
    (node.folder / "go").unlink()
    node.start(HOLD, name="two")
    assert node.state()["state"] == "died"


def test_a_question_is_told_and_can_be_answered(node: Node) -> None:
    """An unfinished line that stands is the prompt, redacted; what is written to `answer` is typed there."""
    node.start(f"read -rp 'keep {SECRET}? [Y/n] ' reply; echo got $reply; {HOLD}")
    with node.follow() as told:
        asking = next(each for each in told if each["state"] != "running")
        assert (asking["state"], asking["prompt"]) == ("waiting-for-input", "keep ***? [Y/n]")
        (node.run("one") / "answer").write_text("Y\n")
        seen, text = asking, ""
        while "got" not in text or seen["state"] != "running":  # the text may be told before the state
            seen = next(told)
            text += seen["text"]
    assert (text, seen["prompt"]) == ("keep ***? [Y/n] Y\ngot Y\n", "")


def test_a_full_disk_costs_lines_but_not_the_script(node: Node) -> None:
    """No file may grow beyond 8 KiB here: the script runs to its end, and its exit code is told."""
    text = node.transcript(
        "for i in {1..400}; do echo line $i of the script that is long; done; exit 7", shell="ulimit -f 8"
    )
    assert 0 < len(text) <= 8192
    assert node.ended()["exit_code"] == 7


def test_a_script_that_cannot_be_started_has_failed(node: Node) -> None:
    """A program that is not there ends the run with an exit code and a reason in the log."""
    settings = {"env": {}, "patterns": [], "words": [], "secrets": [], "prompt_after": 9}
    answer([*PYTHON, "start", str(node.run("one")), str(node.folder), "/no/such/program"], json.dumps(settings))
    assert node.ended()["exit_code"] == 1
    assert "/no/such/program" in (node.run("one") / "log").read_text()


def test_a_follower_gets_news_at_once_and_only_what_is_new(node: Node) -> None:
    """It is told the next line when it comes, ends with the script, and starts behind the last position."""
    node.start(f"echo one; {HOLD}; echo two; exit 3")
    began = time.monotonic()
    with node.follow(wait=60) as told:
        first = next(each for each in told if each["text"])
        node.go()
        rest = [*told]
    assert (first["text"], "".join(each["text"] for each in rest), rest[-1]["exit_code"]) == ("one\n", "two\n", 3)
    assert time.monotonic() - began < 30
    with node.follow(position=first["position"]) as told:
        assert [each["text"] for each in told] == ["two\n"]


def test_beyond_its_lines_a_follower_is_told_the_last_one_only(node: Node) -> None:
    """However many there are; and where they end, so that one that comes later does not read them either."""
    node.start(f"seq 100000; {HOLD}")
    log = node.run("one") / "log"
    until(log.read_text, lambda text: text.endswith("\n100000\n"))
    with node.follow(lines=10, wait=0) as told:
        first, second, third = (next(told) for _ in range(3))
    assert first["text"].startswith("1\n2\n")
    assert (second["text"], second["position"]) == ("100000\n", log.stat().st_size)
    assert (third["text"], third["position"]) == ("", second["position"])


def test_a_follower_without_news_says_so_and_ends_with_its_reader(node: Node) -> None:
    """A frozen link is told from a silent script, and nothing is left of who followed over it."""
    node.start(HOLD)
    with node.follow(wait=0) as told:
        assert [next(told)["state"] for _ in range(3)] == ["running"] * 3
    words = [*PYTHON, "follow", str(node.run("one")), "0", "9", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(10) == -signal.SIGPIPE


def test_it_is_written_in_the_words_of_python_3_8() -> None:
    """The control node has the Python of its system, which may be older than ours."""
    for program in JOB.parent.glob("*.py"):
        ast.parse(program.read_text(), feature_version=(3, 8))
