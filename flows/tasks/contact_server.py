"""A first contact with the Data Flow server: Docker, what an installation saved, and ClickHouse about itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Any

import docker
from prefect import task

from blocks.clickhouse import ClickHouse, ClickHouseClient
from blocks.docker_host import DockerHost
from blocks.ssh import SshHost
from blocks.ssh_client import SshClient
from flows.core.change import Told
from flows.core.contact.arrival import QUESTIONS, Arrival
from flows.core.contact.clean import command_line, readable
from flows.core.contact.proposal import PORTS
from flows.core.contact.questions import of_server, remote_ports
from flows.core.contact.seen import ClickHouseSeen, ServerSeen
from flows.core.facts import saved_parameters
from flows.core.facts.network import reachable
from flows.core.installed import service
from flows.core.snapshot import Container, DockerFacts
from flows.core.tables import SERVER, TABLES
from flows.errors import AccessDenied, APIError, CommandFailed, DataFlowError, Unreachable
from flows.tasks.contact_control import answers_of, host_seen
from flows.tasks.contact_door import Met, through
from flows.tasks.look_docker import NOT_INSTALLED, read_docker

DATABASE = "/var/lib/clickhouse"
DEFAULT_PATH = "/var/lib/portsip"


@task(name="meet-server", task_run_name="meet-server", persist_result=False)
def meet_server(block: SshHost, pbx_addresses: Sequence[str]) -> Told[Met[ServerSeen]]:
    """Look at the Data Flow server; `pbx_addresses` are those under which it may know the PBX."""

    def look() -> tuple[ServerSeen, Sequence[str]]:
        with block.get_client(name="server") as ssh:
            return _look(block, ssh, pbx_addresses)

    return through("server", block, look, _said)


def _said(seen: ServerSeen) -> str:
    base = f"ClickHouse {seen.database.version}" if seen.database else "ClickHouse not seen"
    return f"{len(seen.docker.containers or ())} containers, {base}"


def _look(block: SshHost, ssh: SshClient, pbx_addresses: Sequence[str]) -> tuple[ServerSeen, tuple[str, ...]]:
    engine, checks = _docker(ssh)
    path = data_path(engine.containers or ())
    found = service(engine, path or DEFAULT_PATH)
    ports = [(address, port) for address in pbx_addresses[:1] for port in PORTS]
    questions = of_server(path or DEFAULT_PATH, ports)
    answers = answers_of(ssh, block, questions)
    database, trouble = _database(ssh, path)
    seen = ServerSeen(
        host=host_seen(block, answers),
        docker=engine,
        data_path=path,
        clickhouse=found.clickhouse,
        dataflow=found.dataflow,
        others=len(engine.containers or ()) - len(found.containers),
        strangers=len(found.strangers),
        health_checks={name: command_line(words) for name, words in checks.items()},
        saved=saved_parameters(answers),
        reachable=reachable(answers, ports),
        connections=remote_ports(answers, pbx_addresses),
        database=database,
        database_trouble=trouble,
    )
    asked = ["Docker (GET: containers, images, volumes, info)"]
    asked += [question.name for question in questions if not question.name.startswith("port-")]
    asked += [f"whether {address}:{port} is open" for address, port in ports]
    asked += [f"ClickHouse ({', '.join(('server', 'tables', *QUESTIONS))})"] if database else []
    return seen, tuple(asked)


def data_path(containers: Sequence[Container]) -> str:
    """The folder (`-p`) below which a container has ClickHouse's data, as `<path>/clickhouse/data`; "": none has."""
    sources = {c.mounts[DATABASE] for c in containers if DATABASE in c.mounts and "init" not in c.name}
    paths = {posixpath.dirname(posixpath.dirname(source)) for source in sources if source.endswith("/clickhouse/data")}
    return paths.pop() if len(paths) == 1 else ""


def _docker(ssh: SshClient) -> tuple[DockerFacts, dict[str, Sequence[str]]]:
    try:
        with DockerHost().get_client(ssh) as client:
            return read_docker(client, ()), _health_checks(client)
    except CommandFailed as error:
        absent = error.exit_code == NOT_INSTALLED
        return DockerFacts(present=not absent, trouble="" if absent else readable(str(error))), {}
    except (AccessDenied, APIError, Unreachable) as error:
        if not ssh.alive:
            raise
        return DockerFacts(present=True, trouble=readable(str(error))), {}


def _health_checks(client: docker.DockerClient) -> dict[str, Sequence[str]]:
    described = [c.attrs for c in client.containers.list(all=True, ignore_removed=True)]
    tests = {d["Name"].lstrip("/"): (d["Config"].get("Healthcheck") or {}).get("Test") or [] for d in described}
    return {name: words[1:] for name, words in tests.items() if words}


def _database(ssh: SshClient, path: str) -> tuple[ClickHouseSeen | None, str]:
    if not path:
        return None, "no container has ClickHouse's data, so neither its folder nor its password is known"
    try:
        with ClickHouse().get_client(ssh, path) as client:
            return clickhouse_seen(client), ""
    except DataFlowError as error:
        if not ssh.alive:
            raise
        return None, readable(str(error))


def clickhouse_seen(client: ClickHouseClient) -> ClickHouseSeen:
    """Version, tables, and every answer about how rows arrive; a question that fails costs only its own answer."""
    version = str(client.query(SERVER)[0]["version"])
    tables = tuple(map(_table, client.query(TABLES)))
    rows, trouble = {}, {}
    for name, question in QUESTIONS.items():
        try:
            rows[name] = client.query(question)
        except (APIError, AccessDenied) as error:
            trouble[name] = _shortened(readable(error.answer))
    return ClickHouseSeen(version, tables, Arrival(rows, trouble))


def _table(row: dict[str, Any]) -> tuple[str, str, int | None, int]:
    rows = None if row["total_rows"] is None else int(row["total_rows"])
    return f"{row['database']}.{row['name']}", str(row["engine"]), rows, int(row["total_bytes"] or 0)


def _shortened(answer: str) -> str:
    """The sentence of ClickHouse's exception, without what it repeats of the question."""
    found = re.search(r"DB::Exception: (.{1,90}?)(?: in scope|[.,:] |$)", answer)
    return found.group(1) if found else answer.splitlines()[0][:120]
