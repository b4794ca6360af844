"""Every exception of httpx and httpcore, and every refusal of ClickHouse, has its place among our errors."""

from __future__ import annotations

import httpcore
import httpx
import pytest

from blocks.clickhouse_errors import refusal, translate, translated
from blocks.errors import AccessDenied, APIError, DataFlowError, Unreachable

AGAIN = ("Timeout", "NetworkError", "ConnectError", "ReadError", "WriteError", "CloseError", "RemoteProtocol", "Pool")


def public(module: object) -> list[type[Exception]]:
    """The module's exception classes."""
    names = vars(module).values()
    return [value for value in names if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize("kind", [*public(httpx), *public(httpcore)], ids=lambda k: f"{k.__module__}.{k.__name__}")
def test_each_error_of_the_http_libraries_is_ours(kind: type[Exception]) -> None:
    """Broken lines and time-outs can be tried again."""
    error = kind.__new__(kind)
    error.args = ("something",)
    found = translate(error, "here", "this")
    assert isinstance(found, DataFlowError)
    if any(word in kind.__name__ for word in AGAIN) and "LocalProtocol" not in kind.__name__:
        assert isinstance(found, Unreachable)


@pytest.mark.parametrize("error", [TimeoutError("slow"), EOFError(), ConnectionResetError("cut")])
def test_a_broken_channel_is_unreachable(error: Exception) -> None:
    """What the channel itself raises."""
    assert isinstance(translate(error, "here", "this"), Unreachable)


def test_an_answer_that_is_no_json_is_an_error_of_the_interface() -> None:
    """Something else listens on the port."""
    assert isinstance(translate(ValueError("no JSON"), "here", "this"), APIError)


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    """A bug is not dressed up as the world's fault."""
    with pytest.raises(KeyError), translated("here", "this"):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("status", "header", "text"),
    [(403, "516", "x"), (401, "194", "x"), (500, "", "Code: 516. DB::Exception"), (403, "", ""), (401, "", "proxy")],
)
def test_a_refused_sign_in_is_denied(status: int, header: str, text: str) -> None:
    """By the code first, because the status differs between versions."""
    assert isinstance(refusal("here", "this", status, header, text), AccessDenied)


def test_the_code_is_found_in_the_text_where_no_header_has_it() -> None:
    """Old servers send no header."""
    found = refusal("here", "this", 404, "", "Code: 60. DB::Exception: Table x does not exist")
    assert isinstance(found, APIError)
    assert (found.status, found.code) == (404, 60)
