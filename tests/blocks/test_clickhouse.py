"""The ClickHouse block against real servers of two versions, over the sandbox's SSH server."""

from __future__ import annotations

import time
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from blocks.clickhouse import ClickHouse, ClickHouseClient, parse_password
from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable
from blocks.ssh_client import SshClient
from tests.blocks.docker_support import DATA_PATH, PASSWORD, Server, local_client, running_server, start_clickhouse

INI = f"[global]\npassword = not-this\n\n[dataflow]\npassword = {PASSWORD}\n"


class TestClickHouseStandards(BlockStandardTestSuite):
    """Prefect's suite."""

    @pytest.fixture
    def block(self) -> type[Block]:
        """The block under test."""
        return ClickHouse


@dataclass
class Database:
    """A running ClickHouse, the host it runs on, and a connection to that."""

    version: str
    server: Server
    ssh: SshClient

    def block(self, **changes: object) -> ClickHouse:
        """The block for it."""
        port = self.server.engine.around.clickhouse_port
        return ClickHouse(**{"port": port, "password": SecretStr(PASSWORD), "timeout": 20, **changes})

    @contextmanager
    def client(self, **changes: object) -> Iterator[ClickHouseClient]:
        """The block's client."""
        with self.block(**changes).get_client(self.ssh, DATA_PATH) as client:
            yield client


@pytest.fixture(scope="module", params=["25.8", "24.8"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One server of each version for the whole module; tests leave it as it was."""
    with running_server(tmp_path_factory.mktemp("clickhouse"), fastest_check=0.05) as server:
        server.host.write(f"{DATA_PATH}/dataflow/system.ini", INI, 0o600)
        server.engine.images.load(f"portsip/clickhouse:{request.param}")
        container = start_clickhouse(local_client(server.engine), request.param)
        while container.health != "healthy":
            time.sleep(0.02)
            container.reload()
        with server.ssh.get_client() as ssh:
            yield Database(request.param, server, ssh)


def test_rows_come_as_values(database: Database) -> None:
    """64-bit numbers are numbers on every version, and names are names."""
    with database.client() as client:
        rows = client.query("SELECT toUInt64(2) AS big, 'x' AS text, NULL AS nothing FROM numbers(2)")
        version = client.query("SELECT version() AS version")[0]["version"]
    assert rows == [{"big": 2, "text": "x", "nothing": None}] * 2
    assert version.startswith(database.version)


def test_a_question_changes_nothing(database: Database) -> None:
    """The server itself refuses; a statement that may change goes by `execute`."""
    with database.client() as client:
        with pytest.raises(APIError, match="readonly") as caught:
            client.query("CREATE TABLE sneaked_in (x UInt8) ENGINE = Memory")
        assert caught.value.code == 164
        client.execute("CREATE TABLE wanted (x UInt8) ENGINE = Memory")
        assert client.query("SELECT count() AS n FROM system.tables WHERE name = 'wanted'") == [{"n": 1}]
        client.execute("DROP TABLE wanted")


def test_the_database_of_the_block_is_used(database: Database) -> None:
    """A name without a database means the block's."""
    with database.client(database="system") as client:
        assert client.query("SELECT count() AS n FROM one") == [{"n": 1}]


def test_settings_go_with_one_question(database: Database) -> None:
    """As URL parameters, which every version understands."""
    with database.client() as client:
        assert client.query("SELECT getSetting('max_threads') AS n", max_threads=1) == [{"n": 1}]


def test_many_questions_share_one_channel(database: Database) -> None:
    """One forwarded connection, kept alive; but none for a probe, because that would hold up the server's stop."""
    ports: list[int] = []
    open_port = database.ssh.open_port

    class Counting:
        """The same connection, counting what is opened."""

        where, read = database.ssh.where, database.ssh.read

        def open_port(self, port: int) -> object:
            ports.append(port)
            return open_port(port)

    with database.block().get_client(typing.cast(SshClient, Counting()), DATA_PATH) as client:
        for number in range(5):
            assert client.query(f"SELECT {number} AS n") == [{"n": number}]
        assert len(ports) == 1
        assert client.ping()
        assert len(ports) == 1
        assert client.ping()
        assert len(ports) == 2
    assert ports == 2 * [database.server.engine.around.clickhouse_port]


def test_the_password_is_read_on_the_server(database: Database) -> None:
    """An empty password in the block means the one in system.ini's own section."""
    with database.client(password=SecretStr("")) as client:
        assert client.query("SELECT 1 AS n") == [{"n": 1}]


@pytest.mark.parametrize(
    ("path", "words"), [("/var/lib/typo", "no such file"), ("/var/lib/keyless", "no password in its section")]
)
def test_a_password_that_cannot_be_read_is_named(database: Database, path: str, words: str) -> None:
    """The file is named, and what is wrong with it."""
    database.server.host.write("/var/lib/keyless/dataflow/system.ini", "[dataflow]\n[other]\npassword=x\n")
    block = database.block(password=SecretStr(""))
    with (
        pytest.raises(APIError, match=f"{path}/dataflow/system.ini; got: {words}"),
        block.get_client(database.ssh, path),
    ):
        pass


def test_a_wrong_password_is_denied(database: Database) -> None:
    """Every version has its own status and code for it; no text shows the password."""
    with database.client(password=SecretStr("wrong-hush")) as client:
        with pytest.raises(AccessDenied, match="Authentication failed") as caught:
            client.query("SELECT 1")
        assert client.ping()
    assert "wrong-hush" not in f"{caught.value!r}"


def test_a_password_with_a_line_end_is_refused_here(database: Database) -> None:
    """The HTTP library would quote the whole password in its own refusal."""
    block = database.block(password=SecretStr("two\nlines"))
    with pytest.raises(APIError) as caught, block.get_client(database.ssh, DATA_PATH):
        pass
    assert "lines" not in f"{caught.value!r}".replace("line end", "")


def test_an_error_tells_its_code(database: Database) -> None:
    """ClickHouse's number, the HTTP status and its sentence."""
    with database.client() as client, pytest.raises(APIError, match="UNKNOWN_TABLE") as caught:
        client.query("SELECT * FROM not_there")
    assert (caught.value.code, caught.value.status) == (60, 404)


def test_an_error_in_the_middle_of_rows_is_an_error(database: Database) -> None:
    """The answer is held back until it is whole, so half of it is never taken for all."""
    with database.client() as client, pytest.raises(APIError, match="code 395"):
        client.query("SELECT throwIf(number = 300000) FROM numbers(400000)", max_block_size=1000)


def test_an_error_inside_a_good_answer_is_an_error(database: Database) -> None:
    """Where an answer is not held back, the status is good and the error stands in the JSON."""
    settings = {"wait_end_of_query": 0, "max_block_size": 1000, "http_write_exception_in_output_format": 1}
    with database.client() as client, pytest.raises(DataFlowError) as caught:
        client.query("SELECT number, throwIf(number = 300000) FROM numbers(400000)", **settings)
    assert isinstance(caught.value, (APIError, Unreachable))


def test_a_slow_question_ends_at_the_deadline(database: Database) -> None:
    """Unreachable, which a task may try again; the server does not go on with it."""
    began = time.monotonic()
    with database.client(timeout=0.5) as client, pytest.raises(Unreachable):
        client.query("SELECT sleepEachRow(0.1) FROM numbers(600)", max_block_size=1)
    with database.client() as client:
        while client.query("SELECT count() AS n FROM system.processes WHERE query LIKE '%numbers(600)'") != [{"n": 0}]:
            assert time.monotonic() - began < 30


def test_a_server_that_is_not_there_is_unreachable(database: Database) -> None:
    """Nothing listens on the port."""
    with database.client(port=1) as client, pytest.raises(Unreachable):
        client.ping()


def test_a_restarted_server_answers_the_same_client(database: Database) -> None:
    """A connection that the server closed is noticed before it is used again."""
    with database.client() as client:
        before = client.query("SELECT toString(serverUUID()) AS id")
        container = database.server.engine.container("portsip.clickhouse")
        container.stop(20)
        container.start()
        while not container.health or container.health.status != "healthy":
            time.sleep(0.02)
        assert client.query("SELECT toString(serverUUID()) AS id") == before


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("[dataflow]\npassword=abc\n", "abc"),
        ("[global]\npassword = other\n[dataflow]\nx = 1\n password = a=b \n", "a=b"),
        ("[dataflow]\n[global]\npassword = other\n", ""),
        ("[dataflow]\npassword =\n", ""),
        ("password = outside\n", ""),
        ("", ""),
    ],
)
def test_only_the_password_of_the_section_counts(text: str, password: str) -> None:
    """The vendor's own reading takes a later section's; ours does not."""
    assert parse_password(text) == password


def test_every_field_suits_a_form() -> None:
    """A title, a described purpose, nothing that may be None, and no unknown setting."""
    for name, field in ClickHouse.model_fields.items():
        assert field.title, name
        assert (field.description or "").endswith("."), name
    with pytest.raises(ValidationError, match="pasword"):
        ClickHouse(pasword="x")  # type: ignore[call-arg]


def test_the_password_is_not_shown() -> None:
    """Neither by repr nor in a dump."""
    block = ClickHouse(password=SecretStr("hush-hush"))
    assert "hush-hush" not in repr(block) + str(block) + str(block.model_dump())
