"""A session on the PBX: kept fresh, ended in the end, whatever happened."""

from __future__ import annotations

import pytest

from blocks.errors import AccessDenied, APIError
from tests.blocks.pbx_support import block_for
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.usefixtures("prefect_server")

REFRESH = {"json": "/api/auth/refresh_token", "oauth": "/api/login/oauth/token"}
SIGN_IN = {"json": "/api/auth/sign_in", "oauth": "/api/login/oauth/token"}


@pytest.mark.parametrize("form", ["json", "oauth"])
def test_token_is_refreshed_before_it_ends(form: str) -> None:
    """The time in `expires_in` counts, and no request is lost to an expired token."""
    with Pbx(token_life=1800) as pbx:
        block, now = block_for(pbx, sign_in_form=form), [0.0]
        block._clock = lambda: now[0]
        with block.get_client() as client:
            client.version()
            asked = pbx.asked("POST", REFRESH[form])
            now[0] = 1700
            client.version()
            assert pbx.asked("POST", REFRESH[form]) == asked
            now[0] = 1741
            client.version()
            assert pbx.asked("POST", REFRESH[form]) == asked + 1
            client.version()
            assert pbx.asked("POST", REFRESH[form]) == asked + 1
        assert 401 not in {entry.status for entry in pbx.requests}


@pytest.mark.parametrize("form", ["json", "oauth"])
def test_token_that_ended_early_is_refreshed_once(form: str) -> None:
    """A 401 in the middle of a session leads to one refresh and the same request again."""
    with Pbx() as pbx, block_for(pbx, sign_in_form=form).get_client() as client:
        asked = pbx.asked("POST", REFRESH[form])
        pbx.accounts.expire_tokens()
        assert client.version() == "22.8.0"
        assert pbx.asked("POST", REFRESH[form]) == asked + 1


def test_forgotten_session_is_opened_anew() -> None:
    """A PBX that restarted knows neither token; the password, accepted before, is sent once more."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.accounts.forget_sessions()
        assert client.version() == "22.8.0"
        assert pbx.asked("POST", SIGN_IN["json"]) == 2


def test_session_without_refresh_token_is_opened_anew() -> None:
    """A PBX that gives no refresh token gets the password once more."""
    with Pbx() as pbx:
        pbx.accounts.give_refresh = False
        with block_for(pbx).get_client() as client:
            pbx.accounts.expire_tokens()
            assert client.version() == "22.8.0"
        assert pbx.asked("POST", REFRESH["json"]) == 0
        assert pbx.asked("POST", SIGN_IN["json"]) == 2


def test_client_is_of_no_use_after_its_block() -> None:
    """A signed-out client says so and asks nothing."""
    with Pbx() as pbx:
        with block_for(pbx).get_client() as client:
            pass
        asked = len(pbx.requests)
        with pytest.raises(APIError, match="inside its `with` block"):
            client.version()
        assert len(pbx.requests) == asked


def test_second_401_is_an_error() -> None:
    """A call that is refused with a fresh token is not asked for ever."""
    with Pbx() as pbx, block_for(pbx).get_client() as client:
        pbx.fail_next("GET", "/api/network", 401, times=9, code="UNAUTHORIZED", message="no")
        with pytest.raises(AccessDenied, match="HTTP 401: UNAUTHORIZED: no"):
            client.network()
        assert pbx.asked("GET", "/api/network") == 2


def test_token_without_expiry_is_used_until_it_is_refused() -> None:
    """No constant is assumed for a token's life."""
    with Pbx() as pbx:
        pbx.accounts.tell_expiry = False
        block, now = block_for(pbx), [0.0]
        block._clock = lambda: now[0]
        with block.get_client() as client:
            now[0] = 1e9
            assert client.version() == "22.8.0"
            assert pbx.asked("POST", REFRESH["json"]) == 0
            pbx.accounts.expire_tokens()
            assert client.version() == "22.8.0"
            assert pbx.asked("POST", REFRESH["json"]) == 1


@pytest.mark.parametrize("fault", ["fail", "drop"])
def test_failing_sign_out_does_not_hide_the_result(fault: str) -> None:
    """What was read stays read, and an error stays the error that it was."""
    with Pbx() as pbx:
        for _ in range(2):
            if fault == "fail":
                pbx.fail_next("POST", "/api/auth/sign_out", 500)
            else:
                pbx.drop_next("POST", "/api/auth/sign_out")
        with block_for(pbx).get_client() as client:
            version = client.version()
        assert version == "22.8.0"
        with pytest.raises(APIError, match="nowhere"), block_for(pbx).get_client() as client:
            client.get("/api/nowhere")


def test_error_inside_the_session_still_signs_out() -> None:
    """No session is left open on the PBX."""
    with Pbx() as pbx:
        with pytest.raises(ZeroDivisionError), block_for(pbx).get_client():
            raise ZeroDivisionError
        assert pbx.accounts.sessions == 0
