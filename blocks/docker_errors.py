"""What Docker's client raises and its streams say, as our errors: the one place where they are mapped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors
import requests
import urllib3
from paramiko import SSHException

from blocks.errors import AccessDenied, APIError, CommandFailed, DataFlowError, Unreachable

_REFUSED = re.compile(
    r"unauthorized|authentication required|pull access denied|access forbidden|no basic auth|denied: requested",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(r"manifest .*(?:unknown|not found)|no such image|repository does not exist", re.IGNORECASE)
_NO_WAY = re.compile(r"dial tcp|connection refused|no such host|i/o timeout|TLS handshake", re.IGNORECASE)
_NO_ROOM = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_SILENT = (
    requests.Timeout,
    requests.ConnectionError,
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.ProtocolError,
)


@contextmanager
def translated(where: str, tried: str, secret: str = "") -> Iterator[None]:
    """Turn what Docker's client, requests, urllib3 and the channel raise into our errors, without secret."""
    try:
        yield
    except DataFlowError:
        raise
    except Exception as error:
        found = translate(error, where, tried, secret)
        if found is None:
            raise
        raise found from (None if secret and secret in str(error) else error)


def translate(error: Exception, where: str, tried: str, secret: str = "") -> DataFlowError | None:
    """Our error for one of theirs; `None` for what is none of theirs."""
    text = _without(secret, str(error) or type(error).__name__)
    if isinstance(error, docker.errors.APIError):
        return refused(where, f"{tried}{_call_of(error)}", _without(secret, _answer_of(error)), error.status_code or 0)
    if isinstance(error, docker.errors.ContainerError):
        return CommandFailed(where, tried, text, "See the container's log.", int(error.exit_status))
    if isinstance(error, (docker.errors.DockerException, docker.errors.StreamParseError)):
        return APIError(where, tried, text, "Check the image's name and the version of the Docker engine.")
    if isinstance(error, (*_SILENT, SSHException, EOFError)):
        hint = "Check that the Docker engine runs (systemctl status docker) and the SSH connection is stable."
        return Unreachable(where, tried, text, hint)
    if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
        return APIError(where, tried, text, "The Docker engine did not answer in its own protocol.")
    if isinstance(error, OSError):
        return Unreachable(where, tried, text, "Check the SSH connection to the server.")
    return None


def refused(where: str, tried: str, answer: str, status: int = 0) -> DataFlowError:
    """The error for a message of the engine, which also passes on what the registry said."""
    if status in (401, 403) or _REFUSED.search(answer):
        hint = "Check the image's name, and registry user and password in the Docker block."
        return AccessDenied(where, tried, answer, hint)
    if _NO_ROOM.search(answer):
        hint = "Make room where Docker unpacks images (docker system df), then run again."
        return APIError(where, tried, answer, hint, status)
    if _NO_IMAGE.search(answer):
        return APIError(where, tried, answer, "Check the image's name and tag in the cluster's block.", status)
    if _NO_WAY.search(answer):
        hint = "Check the server's way to the registry: name service, proxy, firewall."
        return APIError(where, tried, answer, hint, status)
    return APIError(where, tried, answer, "See the log of the Docker engine (journalctl -u docker).", status)


def _call_of(error: docker.errors.APIError) -> str:
    request = getattr(error.response, "request", None)
    return f" ({request.method} {request.path_url.partition('?')[0]})" if request is not None else ""


def _answer_of(error: docker.errors.APIError) -> str:
    status = f"{error.status_code}: " if error.status_code else ""
    return f"{status}{error.explanation or error.args[0]}"


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "***") if secret else text
