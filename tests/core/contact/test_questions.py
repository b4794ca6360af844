"""The questions to a host: real shell text that reads and nothing else, and the reading of what comes back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flows.core.contact.questions import of_control, of_ha, of_server, parse_names, remote_ports, sudo_works
from flows.core.contact.script import read_script
from flows.core.facts import ask, split
from tests.sandbox import vendor
from tests.stories.reads import started, writes


def test_every_question_runs_and_only_reads(tmp_path: Path) -> None:
    """As bash, on a machine that has none of it: each gets an exit code, and nothing is made."""
    questions = (*of_control(f"{tmp_path}/none", "dataflow.sh"), *of_server(f"{tmp_path}/none", [("127.0.0.1", 1)]))
    text = ask({question.name: question for question in questions}.values())
    assert writes(text) == []
    run = subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    assert set(split(run.stdout)) == {question.name for question in questions}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        "echo x > /etc/passwd",
        "cat a >>b",
        "sudo -n rm -f /x",
        "true; ssh-keygen -F host",
        "test -e x || mkdir x",
        "x=$(touch y)",
        "sudo -n /bin/bash /opt/portsip-pbx-ha-guide/dataflow.sh start",
        "/bin/bash ha_ctl.sh restart -s pbx",
        "find / -name x -delete",
        "docker rm x",
        "sed -i s/a/b/ x",
        "bash -c 'rm x'",
    ],
)
def test_what_would_change_something_is_noticed(command: str) -> None:
    """The judge of commands refuses what it does not know to read."""
    assert writes(command) or not started(command)


def test_the_status_is_asked_by_a_verb_that_stands_in_the_file() -> None:
    """None there: nothing is run."""
    ha = read_script((vendor.HERE / "ha_ctl.sh").read_text())
    assert [question.name for question in of_ha("/opt/x", ha)] == ["ha-status"]
    shows = read_script("case $1 in show) a;; start) b;; stop) c;; esac")
    assert [question.command for question in of_ha("/opt/x", shows)] == ["sudo -n /bin/bash /opt/x/ha_ctl.sh show"]
    assert of_ha("/opt/x", read_script("case $1 in start) b;; stop) c;; esac")) == ()


def test_only_ports_that_the_host_went_to_count() -> None:
    """Of the PBX's addresses; what the PBX opened has a port that its system chose."""
    text = (
        "0 0 192.168.1.26:51000 192.168.1.20:4222\n0 0 [::ffff:192.168.1.26]:51002 [::ffff:192.168.1.20]:8887\n"
        "0 0 192.168.1.26:22 192.168.1.20:51000\n0 0 192.168.1.26:51004 192.168.1.99:5432\nodd line\n"
    )
    answers = {"connections": (0, text)}
    assert remote_ports(answers, ["192.168.1.20", ""]) == (4222, 8887)
    assert remote_ports({"connections": (127, "")}, ["192.168.1.20"]) is None
    assert remote_ports({}, ["192.168.1.20"]) is None


def test_odd_file_names_are_left_out() -> None:
    """A name is shown in a table."""
    assert parse_names("dataflow.sh\n.dataflow_server\na b\n| x |\n") == ("dataflow.sh", ".dataflow_server")


@pytest.mark.parametrize(("answers", "works"), [({"sudo": (0, "")}, True), ({"sudo": (1, "")}, False), ({}, None)])
def test_whether_sudo_works_may_be_unknown(answers: dict[str, tuple[int, str]], works: bool | None) -> None:
    """No answer is no answer."""
    assert sudo_works(answers) is works
