"""The ClickHouse server of the Data Flow service, asked over HTTP through the host's SSH connection only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.channel import ChannelTransport, OpenPort
from blocks.clickhouse_errors import refusal, translated
from blocks.errors import APIError
from blocks.mask import no_mask
from blocks.ssh_client import SshClient


class ClickHouseClient:
    """Asks questions and gets rows; format and settings go as URL parameters, never into the SQL."""

    def __init__(self, where: str, http: httpx.Client, database: str) -> None:
        self.where, self._http, self._database = where, http, database

    def query(self, sql: str, **settings: object) -> list[dict[str, Any]]:
        """Rows of a question; the server itself refuses any change (`readonly`)."""
        # A question that we gave up must not go on working on the customer's server.
        looking = {"readonly": 2, "cancel_http_readonly_queries_on_client_close": 1}
        text = self._send(sql, {**looking, "default_format": "JSON", **settings})
        with translated(self.where, _shortened(sql)):
            answer = json.loads(text)
        if "exception" in answer:
            # Servers from 23.9 to 25.10 can break off in the middle of a JSON answer and say so inside.
            raise refusal(self.where, _shortened(sql), 200, "", str(answer["exception"]))
        return list(answer["data"])

    def execute(self, sql: str, **settings: object) -> str:
        """Run a statement that may change something; returns the answer's text."""
        return self._send(sql, settings)

    def ping(self) -> bool:
        """Whether the server answers at all; it says nothing about passwords or tables."""
        with translated(self.where, "GET /ping"):
            # A connection that is kept alive holds up the server's shutdown, for up to ten seconds.
            return self._http.get("/ping", headers={"Connection": "close"}).text == "Ok.\n"

    def _send(self, sql: str, settings: dict[str, object]) -> str:
        # Defaults differ between versions (quoted integers, errors after a good status): say what we want.
        fixed = {
            "database": self._database,
            "output_format_json_quote_64bit_integers": 0,
            "wait_end_of_query": 1,
        }
        parameters = {name: str(value) for name, value in {**fixed, **settings}.items()}
        with translated(self.where, _shortened(sql)):
            answer = self._http.post("/", params=parameters, content=sql.encode())
        if answer.status_code != 200:
            code = answer.headers.get("X-ClickHouse-Exception-Code", "")
            raise refusal(self.where, _shortened(sql), answer.status_code, code, answer.text)
        return answer.text


class ClickHouse(Block):
    """The ClickHouse server of the Data Flow service and its login.

    Example:
        Load a saved block and count the tables over an SSH connection:
        ```python
        from blocks.clickhouse import ClickHouse
        from blocks.ssh import SshHost

        database = ClickHouse.load("BLOCK_NAME")
        with SshHost.load("HOST").get_client() as ssh:
            with database.get_client(ssh, "/var/lib/portsip") as client:
                print(client.query("SELECT count() AS tables FROM system.tables"))
        ```
    """

    _block_type_name = "ClickHouse"
    _block_type_slug = "click-house"
    _logo_url = "https://raw.githubusercontent.com/PrefectHQ/prefect/main/docs/logos/prefect-logo-mark-gradient.png"  # type: ignore[assignment]
    _documentation_url = "https://clickhouse.com/docs/interfaces/http"  # type: ignore[assignment]
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    _no_mask = no_mask

    port: int = Field(
        default=8123,
        ge=1,
        le=65535,
        title="HTTP port",
        description="HTTP port of ClickHouse on the server itself.",
    )
    user: str = Field(default="default", title="User", description="ClickHouse user; the vendor's script uses default.")
    password: SecretStr = Field(
        default=SecretStr(""),
        title="Password",
        description="ClickHouse password; empty reads it on the server from dataflow/system.ini.",
    )
    database: str = Field(
        default="default",
        title="Database",
        description="Database that statements without a database name mean.",
    )
    timeout: float = Field(
        default=60, gt=0, title="Time-out (s)", description="Longest wait for one answer of ClickHouse."
    )

    @contextmanager
    def get_client(self, ssh: SshClient, data_path: str) -> Iterator[ClickHouseClient]:
        """A client over a channel of this SSH connection; the password may stand below `data_path`."""
        password = self.password if self.password.get_secret_value() else self.read_password(ssh, data_path)
        with self.get_client_through(ssh.where, ssh.open_port, self.port, password) as client:
            yield client

    @contextmanager
    def get_client_through(
        self, where: str, opener: OpenPort, port: int, password: SecretStr
    ) -> Iterator[ClickHouseClient]:
        """A client of another server for the same user, over streams that `opener` opens to its `port`."""
        headers = {
            b"X-ClickHouse-User": self.user.encode(),
            b"X-ClickHouse-Key": _as_header(where, password),
        }
        transport = ChannelTransport(opener)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers=headers,
            timeout=self.timeout,
            transport=transport,
            trust_env=False,
        ) as http:
            yield ClickHouseClient(f"ClickHouse of {where}", http, self.database)

    @staticmethod
    def read_password(ssh: SshClient, data_path: str) -> SecretStr:
        """The password that the installation keeps on the server; raises `APIError` when there is none."""
        file = f"{data_path.rstrip('/')}/dataflow/system.ini"
        text = ssh.read(file, sudo=True)
        password = parse_password(text or "")
        if not password:
            found = "no such file" if text is None else "no password in its section [dataflow]"
            hint = "Check the data path, or give the ClickHouse password in the block."
            raise APIError(ssh.where, f"reading the ClickHouse password from {file}", found, hint)
        return SecretStr(password)


def _as_header(where: str, password: SecretStr) -> bytes:
    """The password as a header's value; refused here, because the HTTP library would quote it in its refusal."""
    text = password.get_secret_value()
    if not text.isprintable():
        answer, hint = (
            "the ClickHouse password holds a line end or control character",
            "Correct it in the block.",
        )
        raise APIError(where, "signing in to ClickHouse", answer, hint)
    return text.encode()


def parse_password(text: str) -> str:
    """The value of `password` in the section `[dataflow]` of a system.ini; empty when it is not there."""
    section = ""
    for line in text.splitlines():
        word = line.strip()
        if word.startswith("["):
            section = word.strip("[]").strip()
        name, equals, value = word.partition("=")
        if section == "dataflow" and equals and name.strip() == "password":
            return value.strip()
    return ""


def _shortened(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 80 else f"{text[:79]}…"
