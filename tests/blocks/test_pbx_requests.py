"""Reading from the PBX: patient with throttling and drops, clear about everything else."""

from __future__ import annotations

import pytest

from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable
from blocks.pbx_wire import LONGEST_PAUSE, seconds_asked
from tests.blocks.pbx_support import block_for, patient
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.usefixtures("prefect_server")

NETWORK = ("GET", "/api/network")


@pytest.mark.parametrize("status", [429, 403, 500, 502, 503, 504])
def test_read_is_repeated_with_growing_pauses(status: int) -> None:
    """Each pause lies between half and all of its step, and the steps double."""
    pauses: list[float] = []
    with Pbx() as pbx, patient(pbx, pauses.append).get_client() as client:
        pbx.fail_next(*NETWORK, status, times=3)
        assert client.network().private_ipv4 == "192.168.1.20"
    assert len(pauses) == 3
    assert all(step / 2 <= pause <= step for step, pause in zip((1, 2, 4), pauses, strict=True))


def test_pauses_are_not_the_same_twice() -> None:
    """Jitter: several workers do not come back at the same moment."""
    pauses: list[float] = []
    with Pbx() as pbx, patient(pbx, pauses.append).get_client() as client:
        for _ in range(5):
            pbx.fail_next(*NETWORK, 429)
            client.network()
    assert len(set(pauses)) > 1


def test_dropped_read_is_repeated() -> None:
    """A connection that breaks before the answer costs nothing: a read changes nothing."""
    pauses: list[float] = []
    with Pbx() as pbx, patient(pbx, pauses.append).get_client() as client:
        pbx.drop_next(*NETWORK, times=3)
        assert client.network().private_ipv4 == "192.168.1.20"
    assert len(pauses) == 3


@pytest.mark.parametrize(("status", "kind"), [(429, APIError), (403, AccessDenied), (503, APIError)])
def test_repeats_end(status: int, kind: type[DataFlowError]) -> None:
    """After the tries of the block the error names the attempt, the answer and what to do."""
    with Pbx() as pbx, block_for(pbx, tries=3).get_client() as client:
        pbx.fail_next(*NETWORK, status, times=9, message="too many")
        with pytest.raises(kind, match=f"HTTP {status}: UNKNOWN: too many") as failure:
            client.network()
        assert pbx.asked(*NETWORK) == 3
        assert failure.value.tried == "GET /api/network (attempt 3)"
        assert failure.value.where == f"PBX 127.0.0.1:{pbx.port}"
        assert failure.value.hint


def test_dropped_connections_end_as_unreachable() -> None:
    """Tasks retry that one later; the hint says that a blacklist looks like this."""
    with Pbx() as pbx, block_for(pbx, tries=2).get_client() as client:
        pbx.drop_next(*NETWORK, times=9)
        with pytest.raises(Unreachable, match="blacklisted"):
            client.network()
        assert pbx.asked(*NETWORK) == 2


def test_slow_answer_is_unreachable_and_not_asked_again_at_once() -> None:
    """The time-out of the block ends the wait, once."""
    with Pbx() as pbx, block_for(pbx, reply_timeout=2).get_client() as client:
        pbx.slow_next(*NETWORK, 60)  # ends with the stand-in
        with pytest.raises(Unreachable, match="no answer in time") as failure:
            client.network()
        assert "blacklisted" in failure.value.hint


def test_closed_port_is_unreachable() -> None:
    """Nobody listens there."""
    with Pbx() as pbx:
        block = block_for(pbx, tries=2)
    with pytest.raises(Unreachable, match="POST /api/auth/sign_in"), block.get_client():
        pass


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("0", 0.0), ("3600", LONGEST_PAUSE)])
def test_retry_after_is_honoured_up_to_a_bound(asked: str, waited: float) -> None:
    """The PBX says how long, but never makes a run hang."""
    pauses: list[float] = []
    with Pbx() as pbx, patient(pbx, pauses.append).get_client() as client:
        pbx.fail_next(*NETWORK, 429, headers={"Retry-After": asked})
        client.network()
    assert pauses == [waited]


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    """A date that is over asks for no pause, nonsense asks for nothing."""
    assert seconds_asked("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert seconds_asked("soon") is None
    assert seconds_asked(None) is None


@pytest.mark.parametrize("answer", ["429", "403", "drop"])
def test_throttled_address_gets_through_once_it_is_whitelisted(answer: str) -> None:
    """What an address that is not on the list is refused, the same address on the list is not."""
    with Pbx() as pbx, block_for(pbx, tries=2).get_client() as client:
        pbx.throttle, pbx.throttle_limit = answer, 0
        with pytest.raises(DataFlowError):
            client.network()
        pbx.ip.add_rule("127.0.0.0/8")
        assert client.network().private_ipv4 == "192.168.1.20"


def test_error_body_is_told_with_code_and_message() -> None:
    """A 404 is not repeated, and its words arrive."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        with pytest.raises(APIError, match="HTTP 404: UNKNOWN: Not found") as failure:
            client.get("/api/nowhere")
        assert failure.value.status == 404
        assert pbx.asked("GET", "/api/nowhere") == 1


@pytest.mark.parametrize("body", ["text", [], {"errors": "no"}, {"errors": ["no"]}, {"fault": 1}])
def test_error_body_of_another_form_is_described(body: object) -> None:
    """A foreign error body is not repeated, only described."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.answer_next(*NETWORK, body, status=404)
        with pytest.raises(APIError, match=r"HTTP 404: no error body \(application/json, \d+ bytes\)"):
            client.network()


def test_page_that_is_no_json_is_said() -> None:
    """Another web server on that port is named as such."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.garble_next(*NETWORK, "<html>Router</html>")
        with pytest.raises(APIError, match="no JSON but text/html"):
            client.network()


@pytest.mark.parametrize("body", [None, [], {}, {"version": ""}, {"version": 22}])
def test_version_of_another_form_is_an_error(body: object) -> None:
    """An unknown version is never guessed."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.answer_next("GET", "/api/admin/status", body)
        with pytest.raises(APIError, match="unknown form"):
            client.version()


def test_network_tells_the_addresses_of_the_pbx() -> None:
    """In HA the private address is the virtual one; null becomes an empty text."""
    with Pbx(private_ipv4="10.1.1.20") as pbx, block_for(pbx).get_client() as client:
        network = client.network()
        assert (network.private_ipv4, network.public_ipv4) == ("10.1.1.20", "")
        pbx.answer_next(*NETWORK, [1])
        with pytest.raises(APIError, match="unknown form"):
            client.network()


def test_own_address_is_the_one_of_the_connection() -> None:
    """The worker learns which address the PBX has to whitelist."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        assert client.local_address == "127.0.0.1"
        assert client.where == f"PBX 127.0.0.1:{pbx.port}"


def test_proxy_of_the_worker_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The PBX must see this machine, and a proxy must not see the password."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")  # where the Prefect server of the tests is
    with Pbx() as pbx, block_for(pbx, host="localhost").get_client() as client:
        assert client.version() == "22.8.0"
