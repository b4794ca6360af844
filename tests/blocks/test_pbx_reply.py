"""Asking a PBX that nobody knows yet: whatever it answers is an answer, and costs no second question."""

from __future__ import annotations

import pytest

from blocks.errors import AccessDenied, Unreachable
from tests.blocks.pbx_support import block_for, patient
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.usefixtures("prefect_server")

STATUS = ("GET", "/api/dataflow/status")


@pytest.mark.parametrize("status", [200, 401, 403, 404, 429, 500])
def test_any_status_is_an_answer_asked_once(status: int) -> None:
    """Not repeated, and no new sign-in: an unknown path may be refused as if the session had ended."""
    with Pbx() as pbx, block_for(pbx).get_client(any_rights=True) as client:
        pbx.answer_next(*STATUS, {"status": "ONLINE"}, status=status)
        reply = client.reply(STATUS[1])
        assert (reply.status, reply.body, reply.wait) == (status, {"status": "ONLINE"}, None)
        assert pbx.asked(*STATUS) == 1
    assert [entry.path for entry in pbx.requests if entry.method == "POST"] == [
        "/api/auth/sign_in",
        "/api/auth/sign_out",
    ]


def test_the_wait_that_a_throttling_pbx_asks_for_is_told() -> None:
    """It answers an unknown; nobody waits for it."""
    pauses: list[float] = []
    with Pbx() as pbx, patient(pbx, pauses.append).get_client(any_rights=True) as client:
        pbx.fail_next(*STATUS, 429, headers={"Retry-After": "7"})
        assert client.reply(STATUS[1]).wait == 7
    assert pauses == []


def test_what_is_no_json_has_no_body() -> None:
    """A page of another web server, and nothing of it is kept."""
    with Pbx() as pbx, block_for(pbx).get_client(any_rights=True) as client:
        pbx.garble_next(*STATUS, "<html>")
        assert client.reply(STATUS[1]) == (200, None, None)


def test_a_dropped_connection_is_told_and_not_tried_again() -> None:
    """Who asks decides what that means."""
    with Pbx() as pbx, block_for(pbx).get_client(any_rights=True) as client:
        pbx.drop_next(*STATUS)
        with pytest.raises(Unreachable, match="GET /api/dataflow/status"):
            client.reply(STATUS[1])


@pytest.mark.parametrize(("form", "path"), [("json", "/api/auth/sign_in"), ("oauth", "/api/login/oauth/token")])
def test_the_form_that_worked_and_a_tokens_life_are_known(form: str, path: str) -> None:
    """Also where the first form was not known."""
    with Pbx(forms=(form,), token_life=1200) as pbx, block_for(pbx).get_client() as client:
        assert (client.sign_in_path, client.token_life) == (path, 1200)


def test_any_rights_lets_an_account_in_that_else_is_refused() -> None:
    """To tell its rights it has to be let in."""
    with Pbx() as pbx:
        pbx.account.role = "OperationAdmin"
        with block_for(pbx).get_client(any_rights=True) as client:
            assert client.reply("/api/auth/user").body["role"] == "OperationAdmin"
        with pytest.raises(AccessDenied, match="its role is"), block_for(pbx).get_client():
            pass
