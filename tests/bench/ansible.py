"""Ansible as a contestant: inventory, settings and variables for its playbooks, and what they found."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.core.facts import Question, ask, split
from tests.bench import machine, seen
from tests.bench.meter import spent
from tests.bench.rounds import Figures
from tests.bench.servers import Servers
from tests.bench.sshd import Sshd

PLAYBOOKS = Path(__file__).parent / "rival"
FORKS = 50
"""Hosts at the same time; the five of the default would only make it slower."""
_CURL = "/usr/bin/curl -s"
_CLICKHOUSE = "?default_format=JSON&output_format_json_quote_64bit_integers=0&readonly=2"


class Ansible:
    """Runs the playbooks on so many of the servers."""

    def __init__(self, servers: Servers) -> None:
        self._servers, self._folder = servers, servers.folder / "ansible"
        self._folder.mkdir(exist_ok=True)
        (self._folder / "variables.json").write_text(json.dumps(self._variables()))

    def run(self, playbook: str, names: Sequence[str], *, pipelining: bool) -> tuple[Figures, list[seen.Seen]]:
        """One run of a playbook: what it took, and what it found of each server."""
        found, sockets = self._folder / "found", self._folder / "sockets"
        for folder in (found, sockets):  # no connection of the run before is used again
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        inventory = self._folder / "inventory.json"
        inventory.write_text(json.dumps(self._inventory(names)))
        variables = self._folder / "variables.json"
        words = [str(machine.rival("ansible-playbook")), "-i", str(inventory), "-e", f"@{variables}"]
        figures, _ = spent([*words, "-e", f"found={found}", str(PLAYBOOKS / playbook)], self._environment(pipelining))
        read = self._read_once if playbook == "health_once.yml" else self._read
        return figures, [read(found, name) for name in names]

    def _environment(self, pipelining: bool) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "ANSIBLE_"))}
        return kept | {
            "ANSIBLE_HOME": str(self._folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self._folder / "home" / "tmp"),
            "ANSIBLE_REMOTE_TEMP": "/home/pbx/.ansible/tmp",
            "ANSIBLE_PIPELINING": str(pipelining),
            "ANSIBLE_FORKS": str(FORKS),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder / "sockets"),
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_NOCOLOR": "1",
        }

    def _inventory(self, names: Sequence[str]) -> dict[str, Any]:
        def hosts(kind: str, sshd: Sshd) -> dict[str, Any]:
            options = f"-F none -o UserKnownHostsFile={sshd.known_hosts} -o StrictHostKeyChecking=yes"
            how = {
                "kind": kind,
                "ansible_host": "127.0.0.1",
                "ansible_port": sshd.port,
                "ansible_user": sshd.user,
                "ansible_ssh_private_key_file": str(sshd.key),
                "ansible_ssh_common_args": f"{options} -o IdentitiesOnly=yes",
                "ansible_python_interpreter": "/usr/bin/python3",
            }
            return {"hosts": {f"{kind}-{name}": {} for name in names}, "vars": how}

        groups = {"controls": hosts("control", self._servers.control), "data": hosts("server", self._servers.server)}
        return {"all": {"children": groups}}

    def _variables(self) -> dict[str, Any]:
        world = self._servers.world
        pbx = f"https://127.0.0.1:{world.pbx.port}"
        questions = {"control": seen.CONTROL, "server": seen.SERVER_QUESTIONS}
        return {
            "questions": {kind: [[each.name, each.command] for each in asked] for kind, asked in questions.items()},
            "at_once": {
                "control": ask(seen.CONTROL),
                "server": ask((*seen.SERVER_QUESTIONS, *_more(world.clickhouse_port))),
            },
            "statements": list(seen.STATEMENTS),
            "clickhouse_port": world.clickhouse_port,
            "pbx": pbx,
            "pbx_user": world.pbx.username,
            "pbx_password": world.pbx.password,
            "pbx_paths": list(seen.PBX_PATHS),
            "pbx_at_once": _pbx(pbx, world.pbx.username, world.pbx.password),
        }

    def _read(self, found: Path, name: str) -> seen.Seen:
        answers, said = {}, {}
        for kind, questions in (("control", seen.CONTROL), ("server", seen.SERVER_QUESTIONS)):
            said[kind] = json.loads((found / f"{kind}-{name}.json").read_text())
            pairs = zip(questions, said[kind]["asked"], strict=True)
            answers[kind] = {question.name: (int(code), text) for question, (text, code) in pairs}
        server = said["server"]
        containers = [described for text in server["containers"] for described in _json(text)]
        rows, pbx = seen.parsed(server["rows"]), seen.parsed(server["pbx"])
        return seen.by_answers(answers["control"], answers["server"], containers, rows, pbx, server["certificate"])

    def _read_once(self, found: Path, name: str) -> seen.Seen:
        said = {kind: json.loads((found / f"{kind}-{name}.json").read_text()) for kind in ("control", "server")}
        server, told = split(said["server"]["asked"]), split(said["server"]["told"])
        rows = seen.parsed([server[f"rows-{number}"][1] for number in range(len(seen.STATEMENTS))])
        pbx = seen.parsed([told[f"pbx-{number}"][1] for number in range(len(seen.PBX_PATHS))])
        control, containers = split(said["control"]["asked"]), _json(server["containers"][1])
        return seen.by_answers(control, server, containers, rows, pbx, told["certificate"][1])


def _json(value: Any) -> list[Any]:
    """A playbook's value may be JSON that Ansible has read already."""
    return list(json.loads(value) if isinstance(value, str) else value)


def _more(port: int) -> list[Question]:
    """Docker and ClickHouse by commands of the server, for who asks all of it at once."""
    password = "p=$(sed -n 's/^password *= *//p' /var/lib/portsip/dataflow/system.ini); "
    sign_in = "-H 'X-ClickHouse-User: default' -H \"X-ClickHouse-Key: $p\""
    rows = [
        Question(
            f"rows-{number}",
            f"{password}{_CURL} {sign_in} --data-binary {shlex.quote(sql)} 'http://127.0.0.1:{port}/{_CLICKHOUSE}'",
        )
        for number, sql in enumerate(seen.STATEMENTS)
    ]
    return [Question("containers", "docker inspect $(docker ps -aq)"), Question("engine", "docker info"), *rows]


def _pbx(address: str, user: str, password: str) -> str:
    """The PBX by one command of this machine."""
    body = shlex.quote(json.dumps({"username": user, "password": password}))
    send = f"{_CURL} -k -H 'Content-Type: application/json'"
    sign_in = f't=$({send} -d {body} {address}/api/auth/sign_in | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')\n'
    bearer = '-H "Authorization: Bearer $t"'
    asked = [
        Question(f"pbx-{number}", f"{_CURL} -k {bearer} {address}{path}") for number, path in enumerate(seen.PBX_PATHS)
    ]
    shown = f"openssl s_client -connect {address.removeprefix('https://')} </dev/null | openssl x509 -noout -enddate"
    return (
        f"{sign_in}{ask([*asked, Question('certificate', shown)])}{send} {bearer} -X POST {address}/api/auth/sign_out\n"
    )
