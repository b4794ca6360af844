"""Remembers which sign-ins were rejected, so that no run ever sends a rejected password again.

A PBX blocks our address for an hour after five bad sign-ins, and a schedule or a retry would get there by
itself. What is kept is a keyed hash of address, user and password with the time, each as a Prefect variable
`rejected_sign_in_<hash>` of its own (one variable for all would lose entries when two workers write at once);
the key is a Prefect secret, made at first use. Changing any of the three makes another hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

import httpx
from prefect.blocks.system import Secret
from prefect.variables import Variable
from pydantic import SecretStr

from blocks.errors import AccessDenied, APIError, Unreachable

VARIABLE = "rejected_sign_in_"
"""Prefect variables with this beginning and a hash hold the time of a rejection."""

KEY_BLOCK = "rejected-sign-ins-key"
"""Prefect secret that holds the random key of the hashes."""


def refuse_if_rejected(where: str, user: str, password: SecretStr) -> None:
    """Raise `AccessDenied` when this very sign-in was rejected before; ask before a password is sent."""
    with _prefect():
        key = _stored_key()
        if key is None:
            return  # nothing was ever rejected
        name = _name(key, where, user, password)
        since = Variable.get(name)
    if since is not None:
        raise AccessDenied(
            where,
            f"to sign in as {user} (nothing was sent)",
            f"this password was rejected before at {since}",
            "Change user or password in the block. Where the account was changed to match the block instead, "
            f"delete the Prefect variable {name}.",
        )


def remember_rejected(where: str, user: str, password: SecretStr) -> None:
    """Keep in mind that this sign-in was rejected; raises `Unreachable` when that could not be stored."""
    with _prefect():
        name = _name(_key(), where, user, password)
        if Variable.get(name) is None:  # the first time stays
            Variable.set(name, datetime.now(UTC).isoformat(timespec="seconds"), overwrite=True)


def _name(key: str, where: str, user: str, password: SecretStr) -> str:
    text = json.dumps([where, user, password.get_secret_value()])
    return VARIABLE + hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:24]


def _key() -> str:
    key = _stored_key()
    if key is None:
        try:
            Secret(value=SecretStr(secrets.token_hex(32))).save(KEY_BLOCK)
        except ValueError as exc:
            # Another worker was faster; its key is the one.
            if "already in use" not in str(exc):
                raise
        key = _stored_key()
    if key is None:
        raise APIError("Prefect API", f"to make the secret {KEY_BLOCK}", "it is not there", "Run it again.")
    return key


def _stored_key() -> str | None:
    try:
        block = Secret.load(KEY_BLOCK)
    except ValueError as exc:
        if "Unable to find block document" in str(exc):
            return None
        raise
    return str(cast("Secret[str]", block).get())


@contextmanager
def _prefect() -> Iterator[None]:
    """Translate what the Prefect client raises: without its answer no password is sent."""
    try:
        yield
    except (httpx.HTTPError, OSError, RuntimeError) as exc:
        raise Unreachable(
            "Prefect API",
            "to look up rejected sign-ins",
            f"{type(exc).__name__}: {str(exc)[:200]}",
            "No password was sent. Check that the Prefect server runs and PREFECT_API_URL is right.",
        ) from exc
