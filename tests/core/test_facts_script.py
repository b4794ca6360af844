"""The vendor's script, the files beside it, the HA cluster's state and what an earlier installation left."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.core.facts import (
    control_questions,
    password_record,
    proposed_nodes,
    saved_parameters,
)
from flows.core.facts.script import parse_options, parse_variables, parse_verbs

DATA = Path(__file__).parents[1] / "data"

GETOPTS = """#!/bin/bash
# usage: getopts "xyz" is only a comment, and so is -q)
create() {
  while getopts "p:a:A:i:d:" opt; do
    case $opt in
      p) path=$OPTARG;;
      a|A) address=$OPTARG ;;
      ?) echo "[error]: unknown option"; exit -1 ;;
    esac
  done
}
upgrade() { while getopts i: opt; do case "$opt" in i) image=$OPTARG;; esac; done; }
case $1 in
run)
  shift; create "$@" ;;
start) start ;;
stop | restart ) stop;;
"rm") remove ;;
upgrade) upgrade ;;
*) echo "[error]: unknown command $1" ;;
esac
"""
LONG = """while [ $# -gt 0 ]; do
  case "$1" in
    -p|--path) path="$2"; shift 2;;
    (-a) address="$2"; shift 2;;
  esac
done
if [ "$1" == "run" ]; then run; elif [[ $command = 'upgrade' ]]; then upgrade; fi
"""


def test_options_and_verbs_of_a_getopts_script() -> None:
    """Option letters of every getopts string, verbs of the outer case; comments do not count."""
    assert parse_options(GETOPTS) == ("A", "a", "d", "i", "p")
    assert parse_verbs(GETOPTS) == ("run", "start", "stop", "restart", "upgrade", "rm")


def test_options_and_verbs_of_a_script_that_compares_words() -> None:
    """Labels such as `-p)` and comparisons with the first word are read too."""
    assert parse_options(LONG) == ("a", "p")
    assert parse_verbs(LONG) == ("run", "upgrade")


def test_an_unreadable_script_offers_nothing() -> None:
    """Nothing is guessed for a script that is no bash script."""
    assert parse_options("\x7fELF") == ()
    assert parse_verbs("\x7fELF") == ()


def test_variables_with_quotes_comments_and_nesting() -> None:
    """Simple lines are read, nested ones are left alone."""
    text = """---
# the cluster
pbx01_hostname: pbx01
pbx01_private_ip: "192.168.1.21"   # static
pbx02_private_ip: 192.168.1.22 # no name
pbx_image: 'portsip/pbx:22'
vip: 192.168.1.20
empty:
list:
  - nested: 1
"""
    variables = parse_variables(text)
    assert variables["pbx01_private_ip"] == "192.168.1.21"
    assert variables["pbx_image"] == "portsip/pbx:22"
    assert variables["empty"] == ""
    assert "nested" not in variables
    assert proposed_nodes(variables) == (("pbx01", "192.168.1.21"), ("pbx02", "192.168.1.22"))
    with pytest.raises(ValueError, match="no variables"):
        parse_variables("<html>")


def test_a_port_beside_22_is_in_the_known_name_and_the_login() -> None:
    """known_hosts writes other ports in brackets."""
    asked = {q.name: q.command for q in control_questions("/f", "n", "192.0.2.1", "pbx", 2222)}
    assert "'[192.0.2.1]:2222'" in asked["known-host"]
    assert "-p 2222 pbx@192.0.2.1 true" in asked["login"]


def test_asking_for_a_login_writes_nothing_on_the_control_node() -> None:
    """Else OpenSSH adds what other host keys the server shows to known_hosts: a look would change a file."""
    login = next(q.command for q in control_questions("/f", "n", "192.0.2.1", "pbx", 22) if q.name == "login")
    assert "UpdateHostKeys=no" in login
    assert "StrictHostKeyChecking=yes" in login


def test_saved_configurations_are_read_with_their_files() -> None:
    """Every file stands with its keys; quotes are taken off."""
    text = (
        "searched as root\nsaved-file /opt/a/.configure_dataflow\nDATA_PATH=/var/lib/portsip\n"
        'PBX_IP_ADDRESS="192.168.1.20"\n# note\n\nsaved-file /root/b/.configure_dataflow\nDATA_PATH=/srv\n\n'
    )
    first, second = saved_parameters({"saved": (0, text)}) or ()
    assert first.file == "/opt/a/.configure_dataflow"
    assert first.values == {"DATA_PATH": "/var/lib/portsip", "PBX_IP_ADDRESS": "192.168.1.20"}
    assert second.values == {"DATA_PATH": "/srv"}


def test_a_search_without_root_proves_no_absence() -> None:
    """Nothing found by root is none; nothing found by a user is unknown."""
    assert saved_parameters({"saved": (0, "searched as root\n")}) == ()
    assert saved_parameters({"saved": (0, "searched as user\n")}) is None
    assert saved_parameters({}) is None


RECORDS: list[tuple[tuple[int, str], tuple[bool | None, bool | None]]] = [
    ((0, "1\n"), (True, True)),
    ((1, "0\n"), (True, False)),
    ((2, "grep: /d/dataflow/system.ini: No such file or directory\n"), (False, None)),
    ((1, "sudo: a password is required\n"), (None, None)),
    ((2, "grep: /d/dataflow/system.ini: Permission denied\n"), (None, None)),
]


def test_the_password_record() -> None:
    """There with a password, there without, not there, not to be known."""
    for answer, expected in RECORDS:
        assert password_record({"password": answer}) == expected


@pytest.mark.timeout(10)
def test_no_text_makes_the_reading_slow() -> None:
    """Long runs of words without a bracket once took for ever; the whole vendor script is such a text."""
    text = "\n".join(["run stop " * 2000, "a|" * 5000, '"' * 5000, "${command" * 3000])
    assert parse_verbs(text) == ()
    assert parse_options(text) == ()
