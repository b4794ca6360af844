"""Every exception that Docker's client and the libraries below it can raise has its place among ours."""

from __future__ import annotations

import pickle

import docker.errors
import pytest
import requests
import urllib3

from blocks.docker_errors import refused, translate, translated
from blocks.errors import AccessDenied, APIError, CommandFailed, DataFlowError, Unreachable


def public(module: object, base: type[Exception]) -> list[type[Exception]]:
    """The module's exception classes, without warnings."""
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, base)]
    return [kind for kind in found if not issubclass(kind, Warning) and kind not in (Exception, RuntimeError)]


def bare(kind: type[Exception]) -> Exception:
    """An instance without what its constructor wants; each has its own signature."""
    error = kind.__new__(kind)
    error.args = ("something",)
    for name in ("response", "explanation", "request"):
        if name not in dir(kind):
            setattr(error, name, None)
    for name, value in {"msg": "x", "name": "x", "param": "x", "partial": 1, "expected": 2, "length": b"3"}.items():
        if name not in dir(kind):
            setattr(error, name, value)
    if isinstance(error, docker.errors.ContainerError):
        error.exit_status = 3
    return error


@pytest.mark.parametrize("kind", public(docker.errors, Exception), ids=lambda kind: kind.__name__)
def test_each_error_of_docker_is_ours(kind: type[Exception]) -> None:
    """Nothing of docker.errors leaves the block."""
    assert isinstance(translate(bare(kind), "here", "this"), (APIError, AccessDenied, CommandFailed))


@pytest.mark.parametrize("kind", public(requests.exceptions, requests.RequestException), ids=lambda k: k.__name__)
def test_each_error_of_requests_is_ours(kind: type[Exception]) -> None:
    """Broken lines and time-outs can be tried again, the rest cannot."""
    found = translate(bare(kind), "here", "this")
    again = issubclass(kind, (requests.ConnectionError, requests.Timeout))
    assert isinstance(found, Unreachable if again else APIError)


@pytest.mark.parametrize("kind", public(urllib3.exceptions, urllib3.exceptions.HTTPError), ids=lambda k: k.__name__)
def test_each_error_of_urllib3_is_ours(kind: type[Exception]) -> None:
    """They come out of a stream that is read piece by piece."""
    assert isinstance(translate(bare(kind), "here", "this"), (Unreachable, APIError))


def test_the_container_error_keeps_its_exit_code() -> None:
    """A caller can see how the command ended."""
    found = translate(bare(docker.errors.ContainerError), "here", "this")
    assert isinstance(found, CommandFailed)
    assert found.exit_code == 3


@pytest.mark.parametrize("error", [TimeoutError("slow"), EOFError(), ConnectionResetError("cut"), OSError("gone")])
def test_a_broken_channel_is_unreachable(error: Exception) -> None:
    """What the channel itself raises."""
    assert isinstance(translate(error, "here", "this"), Unreachable)


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    """A bug is not dressed up as the world's fault."""
    with pytest.raises(KeyError), translated("here", "this"):
        raise KeyError("x")


def test_our_own_errors_pass_untouched() -> None:
    """What the SSH client raised already says where and why."""
    ours = Unreachable("ssh", "this", "that", "")
    with pytest.raises(Unreachable) as caught, translated("here", "this"):
        raise ours
    assert caught.value is ours


def test_a_secret_in_a_librarys_text_is_taken_out() -> None:
    """Neither our text nor the error behind it shows it."""
    with pytest.raises(DataFlowError) as caught, translated("here", "this", "hush"):
        raise requests.ConnectionError("http://me:hush@registry/")
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "answer",
    ["unauthorized: incorrect username or password", "denied: requested access to the resource is denied"],
)
def test_a_registrys_refusal_is_known_by_its_words(answer: str) -> None:
    """The engine passes it on with status 500 or 404, or in the middle of a stream."""
    assert isinstance(refused("here", "this", answer, 500), AccessDenied)


def test_translated_errors_can_be_stored() -> None:
    """Prefect pickles what a task raises."""
    error = refused("here", "this", "no such image", 404)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.status) == (str(error), 404)
