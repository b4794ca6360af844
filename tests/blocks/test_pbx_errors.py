"""Every exception of the HTTP library has its place in our tree, and no error shows a secret."""

from __future__ import annotations

import pickle
import ssl
from collections.abc import Callable

import httpx
import pytest
from pydantic import ValidationError

from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable
from blocks.pbx import PbxApi, PbxClient
from blocks.pbx_errors import from_httpx, translated
from tests.blocks.pbx_support import block_for, everything_shown
from tests.sandbox.pbx import Pbx

EXPECTED: dict[str, type[DataFlowError]] = {
    "CloseError": Unreachable,
    "ConnectError": Unreachable,
    "ConnectTimeout": Unreachable,
    "CookieConflict": APIError,
    "DecodingError": APIError,
    "HTTPError": APIError,
    "HTTPStatusError": APIError,
    "InvalidURL": APIError,
    "LocalProtocolError": APIError,
    "NetworkError": Unreachable,
    "PoolTimeout": Unreachable,
    "ProtocolError": Unreachable,
    "ProxyError": Unreachable,
    "ReadError": Unreachable,
    "ReadTimeout": Unreachable,
    "RemoteProtocolError": Unreachable,
    "RequestError": APIError,
    "RequestNotRead": APIError,
    "ResponseNotRead": APIError,
    "StreamClosed": APIError,
    "StreamConsumed": APIError,
    "StreamError": APIError,
    "TimeoutException": Unreachable,
    "TooManyRedirects": APIError,
    "TransportError": Unreachable,
    "UnsupportedProtocol": APIError,
    "WriteError": Unreachable,
    "WriteTimeout": Unreachable,
}

PUBLIC = sorted(
    name
    for name in httpx.__all__
    if isinstance(getattr(httpx, name), type) and issubclass(getattr(httpx, name), BaseException)
)


def made(name: str) -> Exception:
    """An exception of httpx as the library makes it."""
    request = httpx.Request("POST", "https://pbx.example/api", json={"password": "in-the-request"})
    kind = getattr(httpx, name)
    if issubclass(kind, httpx.HTTPStatusError):
        return kind("bad", request=request, response=httpx.Response(418, request=request))
    if kind.__init__ in (httpx.StreamError.__init__, httpx.HTTPError.__init__, Exception.__init__):
        return kind("bad")
    try:
        return kind("bad")
    except TypeError:
        return kind()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_exception_of_httpx_is_translated(name: str) -> None:
    """None passes as itself: a new one in the library makes this test fail until it has its place."""
    with pytest.raises(DataFlowError) as caught, translated("PBX", "GET /api"):
        raise made(name)
    assert type(caught.value) is EXPECTED[name]
    assert caught.value.tried == "GET /api"
    assert caught.value.hint


def test_request_with_the_password_is_taken_off_the_cause() -> None:
    """The cause stays for the traceback, but not what was sent."""
    error = httpx.ReadError("bad", request=made("HTTPStatusError").request)  # type: ignore[attr-defined]
    with pytest.raises(Unreachable) as caught, translated("PBX", "POST /api"):
        raise error
    assert caught.value.__cause__ is error
    assert error.request.content == b""


def test_status_of_a_status_error_is_kept() -> None:
    """The caller can tell 404 from the rest."""
    error = from_httpx(made("HTTPStatusError"), "PBX", "GET /api")
    assert isinstance(error, APIError)
    assert error.status == 418


def test_failed_certificate_check_is_access_denied_even_deep_in_the_chain() -> None:
    """httpx wraps the library of the library; what counts is the first cause."""
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    outer = httpx.ConnectError("bad")
    outer.__cause__ = OSError("bad")
    outer.__cause__.__cause__ = inner
    error = from_httpx(outer, "PBX", "GET /api", presented=lambda: "AA:BB")
    assert isinstance(error, AccessDenied)
    assert "AA:BB" in error.answer


def test_errors_survive_pickling() -> None:
    """Prefect stores them."""
    for error in (
        AccessDenied("a", "b", "c", "d"),
        APIError("a", "b", "c", "d", 404),
        Unreachable("a", "b", "c", "d"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
        assert vars(again) == vars(error)


Trouble = Callable[[Pbx, PbxClient], object]
TROUBLES: dict[str, Trouble] = {
    "echo": lambda pbx, client: (
        pbx.fail_next("GET", "/api/network", 400, message=f"bad {' '.join(pbx.secrets)}"),
        client.network(),
    ),
    "unknown token reply": lambda pbx, client: (
        client.generate_token(),
        pbx.answer_next("GET", "/api/dataflow/token", {"value": pbx.token}),
        client.token_state(),
    ),
    "token in another form": lambda pbx, client: (
        client.generate_token(),
        pbx.answer_next("GET", "/api/dataflow/token", [pbx.token]),
        client.token_state(),
    ),
    "token as text": lambda pbx, client: (
        client.generate_token(),
        pbx.garble_next("GET", "/api/dataflow/token", pbx.token, kind="text/plain"),
        client.token_state(),
    ),
    "dropped": lambda pbx, client: (pbx.drop_next("GET", "/api/network", times=9), client.network()),
    "unauthorised": lambda pbx, client: (
        pbx.fail_next("GET", "/api/network", 401, times=9, message=" ".join(pbx.secrets)),
        client.network(),
    ),
    "lost refresh": lambda pbx, client: (
        pbx.accounts.expire_tokens(),
        pbx.drop_next("POST", "/api/auth/refresh_token"),
        client.network(),
    ),
    "refused refresh": lambda pbx, client: (
        pbx.accounts.forget_sessions(),
        pbx.fail_next("POST", "/api/auth/sign_in", 400, code="VALIDATE_FAILED", message=pbx.password),
        client.network(),
    ),
}


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_error_in_a_session_shows_a_secret(trouble: str) -> None:
    """Neither text nor repr nor traceback holds the password or any token, even when the PBX echoes them."""
    with Pbx() as pbx:
        with pytest.raises(DataFlowError) as caught, block_for(pbx, tries=2).get_client() as client:
            TROUBLES[trouble](pbx, client)
        shown = everything_shown(caught.value)
        assert len(pbx.secrets) >= 3
        assert [secret for secret in pbx.secrets if secret in shown] == []


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("password", ['quote"and\\back', "öäü €", "line\nend", "a b+c%&="])
def test_no_error_at_sign_in_shows_the_password(password: str) -> None:
    """Whatever is in the password: it arrives as it is, and it is in no error."""
    with Pbx(password=password) as pbx:
        for form in ("json", "oauth"):
            with block_for(pbx, sign_in_form=form).get_client() as client:
                assert client.version()
        wrong = "wrong" + password
        for form in ("json", "oauth"):
            pbx.fail_next("POST", "*", 401, code="UNAUTHORIZED", message=f"{wrong} is wrong")
            block = block_for(pbx, sign_in_form=form, password=wrong)
            with pytest.raises(AccessDenied) as caught, block.get_client():
                pass
            assert wrong not in everything_shown(caught.value)


def test_no_validation_error_shows_the_password() -> None:
    """A mistake in another field does not print what was entered here."""
    known = {"host": "pbx", "password": "entered-here"}
    wrong: list[dict[str, object]] = [
        {**known, "host": "https://pbx/"},
        {**known, "port": 0},
        {**known, "extra": 1},
        {"password": "entered-here"},
        {**known, "verification": "none"},
    ]
    for settings in wrong:
        with pytest.raises(ValidationError) as caught:
            PbxApi.model_validate(settings)
        assert "entered-here" not in str(caught.value)


def test_block_shows_no_password() -> None:
    """Its repr and its JSON are masked."""
    block = PbxApi(host="pbx", password="entered-here")  # type: ignore[arg-type]
    assert "entered-here" not in repr(block) + str(block) + block.model_dump_json()
