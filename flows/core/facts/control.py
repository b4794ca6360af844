"""What only the control node is asked: the vendor's script, the files beside it, the way to the server."""

from __future__ import annotations

import shlex

from flows.core.facts.question import Answers, Question, holds, read
from flows.core.facts.script import parse_options, parse_upgrade_options, parse_variables, parse_verbs
from flows.core.snapshot import ScriptFacts


def _either(command: str, path: str) -> str:
    """Read a file as ourselves, else as root."""
    return f"{command} {path} || sudo -n {command} {path}"


def _present(folder: str, script: str) -> str:
    """Whether the script is there; root is asked only where the folder is shut to us."""
    place = shlex.quote(folder)
    return f"[ -e {script} ] && exit 0; [ -e {place} ] && [ ! -x {place} ] && sudo -n test -e {script}"


def _known_name(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"


def control_questions(folder: str, name: str, address: str, user: str, port: int = 22) -> tuple[Question, ...]:
    """The questions about the script in `folder`, and about the way to the server at `address`."""
    script, ha = shlex.quote(f"{folder}/{name}"), shlex.quote(f"{folder}/ha_ctl.sh")
    known = shlex.quote(_known_name(address, port))
    # Without the last, ssh would write the server's other host keys into known_hosts once it is signed in.
    login = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10 -o UpdateHostKeys=no"
    target = shlex.quote(f"{user}@{address}")
    at_port = "" if port == 22 else f" -p {int(port)}"
    # An unknown verb prints `[error]:` and still exits 0, so the answer is looked at before `show` is tried.
    words = (
        f"w=$(sudo -n /bin/bash {ha} status)"
        " && case $w in *'[error]'*|'') false;; *) printf '%s\\n' \"$w\";; esac"
        f" || sudo -n /bin/bash {ha} show"
    )
    return (
        Question("script-present", _present(folder, script)),
        Question("script", _either("cat", script)),
        Question("script-hash", _either("sha256sum", script)),
        Question("variables", _either("cat", shlex.quote(f"{folder}/res/vars.yml"))),
        Question("ha-status", words),
        Question("public-key", "if [ -e ~/.ssh/id_rsa.pub ]; then cat ~/.ssh/id_rsa.pub; fi"),
        Question("known-host", f"ssh-keygen -F {known} -f ~/.ssh/known_hosts"),
        Question("login", f"{login}{at_port} {target} true"),
    )


def parse_hash(text: str) -> str:
    """The SHA-256 of a file, as sha256sum prints it."""
    value = text.split()[0].lstrip("\\").lower()
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(text)
    return value


def parse_status(text: str) -> str:
    """The words of ha_ctl.sh, when there are any."""
    if not text.strip():
        raise ValueError("no words")
    return text


def knows(answers: Answers, server_key: str) -> bool | None:
    """Whether known_hosts holds the very key that is pinned for the server ("ssh-ed25519 AAAA…")."""
    code, text = answers.get("known-host", (-1, ""))
    parts = server_key.split()
    if code == 0 and len(parts) >= 2:
        return parts[1] in text.split()
    return False if code not in (-1, 126, 127) and code != 0 else None


def script_facts(folder: str, name: str, answers: Answers, server_key: str = "") -> ScriptFacts:
    """Read the control node's answers; what it did not tell is None or empty. Never raises."""
    return ScriptFacts(
        folder=folder,
        name=name,
        present=holds(answers, "script-present"),
        sha256=read(answers, "script-hash", parse_hash) or "",
        verbs=read(answers, "script", parse_verbs) or (),
        options=read(answers, "script", parse_options) or (),
        upgrade_options=read(answers, "script", parse_upgrade_options),
        variables=read(answers, "variables", parse_variables),
        ha_status=read(answers, "ha-status", parse_status),
        public_key=read(answers, "public-key", str.strip),
        knows_server=knows(answers, server_key),
        logs_in=holds(answers, "login"),
    )
