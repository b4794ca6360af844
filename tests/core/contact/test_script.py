"""Verbs and options of scripts that are read and never run: the stand-ins, and every form that a shell has for them."""

from __future__ import annotations

import subprocess
import time

import pytest

from flows.core.contact.script import read_script
from tests.sandbox import vendor

VERBS = ("run", "upgrade", "start", "stop", "restart", "rm")
both_forms = pytest.mark.parametrize("compose", [False, True], ids=["docker", "compose"])


@both_forms
@pytest.mark.parametrize("version", vendor.VARIANTS)
def test_the_stand_ins_are_read_as_they_are(version: str, compose: bool) -> None:
    """In both variants, and with both ways to drive the containers."""
    script = read_script(vendor.script(version, compose=compose))
    variant = vendor.VARIANTS[version]
    assert script.verbs == VERBS
    assert script.options == (("run_verb", "p:a:A:i:d:"), ("upgrade_verb", variant.upgrade_options))
    assert (script.of_verb("run"), script.of_verb("upgrade")) == ("p:a:A:i:d:", variant.upgrade_options)
    assert script.letters == "Aadip"
    assert script.images == ("portsip/clickhouse:25.8",)
    assert variant.folder in script.places
    for said in ("ssh", "sudo", "exit -1", "docker image prune", "a saved configuration", "vars.yml"):
        assert script.mentioned(said), said
    assert script.mentioned("down -v") == compose
    assert not script.mentioned("Ansible")


def test_the_other_script_of_the_folder_is_read_too() -> None:
    """By its verbs it is known which of them only tells."""
    verbs = read_script((vendor.HERE / "ha_ctl.sh").read_text()).verbs
    assert verbs == ("status", "show", "master", "start", "stop", "restart")


FORMS = {
    'case "$1" in\n  run) a ;;\n  start|stop) b ;;\n  "restart") c;;\n  (rm) d ;;\n  *) echo x ;;\nesac': (
        "run",
        "start",
        "stop",
        "restart",
        "rm",
    ),
    "case $1 in run) case $2 in fast) x;; slow) y;; esac ;; rm) z;; esac": ("run", "rm"),
    'if [ "$1" = "run" ]; then a; elif [[ $1 == upgrade ]]; then b; fi': ("run", "upgrade"),
    'case "${command}" in\n# stop) old ;;\nrun) a;;\nstart) b;;\nesac': ("run", "start"),
    "case $1 in run ) a ;& migrate_data ) b ;;& status) c ;; esac": ("run", "migrate_data", "status"),
    "case $answer in y|Y) a;; n) b;; esac": (),
    "case $1 in '::step '*) a;; run|[a-c]*) b;; stop) c;; esac": ("run", "stop"),
    "esac\n;; case $1 in": (),
    "": (),
}


@pytest.mark.parametrize("text", FORMS)
def test_verbs_are_the_labels_of_the_case_that_knows_the_documented_ones(text: str) -> None:
    """Patterns are no verbs, comments are none, and a case inside another one is not it."""
    assert read_script(text).verbs == FORMS[text]


@pytest.mark.parametrize(
    ("text", "options", "labels"),
    [
        ('up() {\n  while getopts "i:d:" o; do :; done\n}', (("up", "i:d:"),), ()),
        ("function op_upgrade\n{\n  while getopts ':i:' o; do :; done\n}", (("op_upgrade", ":i:"),), ()),
        ("while getopts p:a:A: o; do :; done", (("", "p:a:A:"),), ()),
        ('o=$(getopt -o "p:a:" --long path: -- "$@")', (("", "p:a:"),), ()),
        ('case "$1" in -p|--path) p=$2; shift 2;; -a) a=$2;; --) break;; esac', (), ("-p", "--path", "-a")),
        ('# while getopts "x:" o\ngetopts "$letters" o', (), ()),
    ],
)
def test_options_are_found_in_every_form(
    text: str, options: tuple[tuple[str, str], ...], labels: tuple[str, ...]
) -> None:
    """getopts with and without quotes, getopt, and labels of a case; each getopts with its function."""
    script = read_script(text)
    assert (script.options, script.labels) == (options, labels)


def test_the_standalone_scripts_trap_is_seen() -> None:
    """It takes -d at run and not at upgrade, says so with rc 0, ends with exit -1, and logs in on the command line."""
    script = read_script(
        'create() {\n  while getopts "p:a:A:i:d:x:U:P:R:g:" o; do :; done\n  docker login -u $U -p $P $R\n}\n'
        'op_upgrade() {\n  while getopts "i:" o; do :; done\n  docker compose down -v\n  exit -1\n}\n'
        "case $1 in run) create;; upgrade) op_upgrade;; status) docker compose ls;; esac\n"
    )
    assert (script.of_verb("upgrade"), script.letters) == ("i:", "APRUadgipx")
    assert script.verbs == ("run", "upgrade", "status")
    assert [script.mentioned(what) for what in ("docker login", "down -v", "exit -1")] == [True] * 3


def test_no_value_of_a_variable_is_told() -> None:
    """A script may have been edited by hand, with a password in it."""
    script = read_script("HUB_PASSWORD=hunter2\nexport TOKEN='2.YWYX'\ncase $1 in run) a;; rm) b;; esac\n")
    assert "hunter2" not in str(script)
    assert "YWYX" not in str(script)


def test_a_long_or_odd_text_is_read_soon() -> None:
    """No form of text makes the reading slow."""
    odd = ("case $1 in " + "a|" * 50_000, "case x in\n" + " " * 100_000, "((((" * 20_000, "a" * 300_000, "#" * 99_999)
    began = time.process_time()
    for text in odd:
        read_script(text)
    assert time.process_time() - began < 2


def test_what_is_read_runs_as_bash() -> None:
    """The forms above are shell, not what we think of it."""
    for text in FORMS:
        if not text.startswith("esac"):
            subprocess.run(["bash", "-n", "-c", text], check=True)
