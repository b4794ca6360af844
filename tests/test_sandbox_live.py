"""The live writer of the sandbox: what was acknowledged is counted outside the service, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox import vendor
from tests.sandbox.docker_container import Container
from tests.sandbox.live import Ledger
from tests.sandbox.world import World

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

ROWS = 500


@pytest.fixture
def world() -> Iterator[World]:
    """A service that calls keep coming to."""
    with World(installed="25.8", history_rows=ROWS, live_calls=True, live_rate=100) as world:
        world.wait_for_calls(10)
        yield world


def database(world: World) -> Container:
    """ClickHouse's container."""
    return world.engine.container(vendor.VARIANTS[world.variant].database)


def writer(world: World) -> Container:
    """Data Flow's container."""
    return world.engine.container(vendor.VARIANTS[world.variant].writer)


def test_it_goes_on_with_the_next_number_after_a_stop(world: World) -> None:
    """SIGTERM ends it between two inserts with exit code 0; a new start repeats no number and leaves none out."""
    assert writer(world).stop(10)
    assert writer(world).exit_code == 0
    before = world.acknowledged()
    assert int(world.ask("SELECT count() FROM cdr WHERE has(tags, 'live')")) == len(before)
    writer(world).start()
    world.wait_for_calls(10)
    assert world.acknowledged() == list(range(1, len(world.acknowledged()) + 1))
    assert world.missing_records() == {}


def test_the_ledger_survives_a_recreate_and_lies_outside_the_data(world: World) -> None:
    """Containers go and come as in the vendor's upgrade; the count goes on in the same file."""
    folder = world.ledger.file.parent
    assert world.server.root not in (folder, *folder.parents)
    for container in (writer(world), database(world)):
        container.stop(60)
    before = len(world.acknowledged())
    database(world).start()
    writer(world).start()
    assert world.wait_for_calls(10) >= before + 10
    assert world.missing_records() == {}


def test_a_killed_writer_repeats_nothing(world: World) -> None:
    """A number that was on its way at the kill is not sent again, so no record is there twice."""
    for _ in range(3):
        writer(world).kill(9)
        writer(world).start()
        world.wait_for_calls(5)
    assert world.missing_records() == {}
    assert (
        world.ask("SELECT max(n) FROM (SELECT count() AS n FROM cdr WHERE has(tags, 'live') GROUP BY call_id)") == "1"
    )


def test_clickhouse_may_be_away_for_a_while(world: World) -> None:
    """Records that nobody acknowledged are not in the ledger; the writer goes on when ClickHouse is back."""
    database(world).stop(60)
    there = len(world.acknowledged())
    database(world).start()
    assert world.wait_for_calls(10) >= there + 10
    assert world.missing_records() == {}


def test_lost_and_doubled_records_are_found(world: World) -> None:
    """The count is no formality: it names what is gone and what is there twice."""
    writer(world).stop(10)
    world.ask("DELETE FROM cdr WHERE call_id IN ('live-000000003', 'live-000000005')")
    world.ask("INSERT INTO cdr SELECT * FROM cdr WHERE call_id = 'live-000000007'")
    assert world.missing_records() == {3: 0, 5: 0, 7: 2}


@pytest.mark.parametrize("how", ["kill", "stop", "flush"])
def test_asynchronous_inserts_are_only_safe_when_they_are_flushed(how: str) -> None:
    """A stop or a flush keeps what was acknowledged; a SIGKILL loses it."""
    with World(installed="25.8", history_rows=ROWS, live_calls=True, live_asynchronously=True) as world:
        world.wait_for_calls(10)
        writer(world).stop(10)
        promised = world.acknowledged()
        assert set(world.missing_records()) == set(promised)
        if how == "flush":
            world.ask("SYSTEM FLUSH ASYNC INSERT QUEUE")
        database(world).kill(15 if how == "stop" else 9)
        database(world).wait()
        database(world).start()
        up(world)
        assert set(world.missing_records()) == (set(promised) if how == "kill" else set())


def up(world: World) -> None:
    """Wait until ClickHouse answers."""
    from tests.sandbox.data_template import wait_healthy

    wait_healthy(world.engine, database(world).name)


def test_half_a_line_is_no_promise(world: World) -> None:
    """A ledger whose last line is still being written counts without it."""
    writer(world).stop(10)
    file = world.ledger.file
    there = world.acknowledged()
    file.write_text(file.read_text() + "99")
    assert Ledger(file).acknowledged() == there


def test_nobody_writes_unasked() -> None:
    """Without the setting the tables only hold the history."""
    with World(installed="25.8", history_rows=ROWS) as world:
        assert world.acknowledged() == []
        assert world.ask("SELECT count() FROM cdr WHERE has(tags, 'live')") == "0"
        with pytest.raises(TimeoutError, match="1 of 1 more"):
            world.ledger.wait_for_more(1, 0.1)
