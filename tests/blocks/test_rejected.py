"""A rejected sign-in is remembered across processes, without the secret."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import pytest
from prefect import get_client
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.variables import Variable
from pydantic import SecretStr

from blocks.errors import AccessDenied, Unreachable
from blocks.rejected import KEY_BLOCK, VARIABLE, refuse_if_rejected, remember_rejected

pytestmark = pytest.mark.usefixtures("prefect_server")

WRONG = SecretStr("wrong-pass-phrase")


def remembered() -> dict[str, object]:
    """What is stored now: names of variables and their values."""
    with get_client(sync_client=True) as client:
        return {v.name: v.value for v in client.read_variables() if v.name.startswith(VARIABLE)}


@pytest.fixture(autouse=True)
def _clean(prefect_server: str) -> None:
    """Each test starts without a rejected sign-in."""
    for name in remembered():
        Variable.unset(name)


def test_rejected_sign_in_is_refused_and_says_when() -> None:
    """The time has an offset, and the error says what to do."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    refuse_if_rejected("pbx:8887", "admin", WRONG)
    remember_rejected("pbx:8887", "admin", WRONG)
    with pytest.raises(AccessDenied, match="Change user or password in the block") as refusal:
        refuse_if_rejected("pbx:8887", "admin", WRONG)
    assert before < datetime.fromisoformat(refusal.value.answer.rpartition(" ")[2]) <= datetime.now(UTC)
    assert refusal.value.where == "pbx:8887"


@pytest.mark.parametrize(
    ("where", "user", "password"),
    [("pbx:8888", "admin", "p"), ("pbx", "root", "p"), ("pbx", "admin", "q"), ("pb", "xadmin", "p")],
)
def test_any_change_makes_it_another_sign_in(where: str, user: str, password: str) -> None:
    """Address, user and password each count, and their border too."""
    remember_rejected("pbx", "admin", SecretStr("p"))
    refuse_if_rejected(where, user, SecretStr(password))


def test_nothing_stored_shows_the_password() -> None:
    """What is stored is a keyed hash: the same password gives another one under another key."""
    remember_rejected("pbx", "admin", WRONG)
    (first,) = remembered()
    assert WRONG.get_secret_value() not in json.dumps(remembered())
    Secret(value=SecretStr("another key")).save(KEY_BLOCK, overwrite=True)
    remember_rejected("pbx", "admin", WRONG)
    assert len(remembered()) == 2
    assert first in remembered()


def test_key_is_made_at_first_use() -> None:
    """Without a key nothing was ever rejected; the first rejection makes one."""
    with contextlib.suppress(ValueError):
        Secret.delete(f"{KEY_BLOCK}")
    refuse_if_rejected("pbx", "admin", WRONG)
    remember_rejected("pbx", "admin", WRONG)
    with pytest.raises(AccessDenied):
        refuse_if_rejected("pbx", "admin", WRONG)


def test_another_process_refuses_too() -> None:
    """The next scheduled run is another process."""
    remember_rejected("pbx", "admin", WRONG)
    code = (
        "from pydantic import SecretStr\n"
        "from blocks.errors import AccessDenied\n"
        "from blocks.rejected import refuse_if_rejected\n"
        "try:\n    refuse_if_rejected('pbx', 'admin', SecretStr('wrong-pass-phrase'))\n"
        "except AccessDenied:\n    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "refused", done.stderr


def test_first_time_is_kept() -> None:
    """A second note of the same sign-in changes nothing."""
    remember_rejected("pbx", "admin", WRONG)
    (name,) = remembered()
    Variable.set(name, "2026-01-01T00:00:00+00:00", overwrite=True)
    remember_rejected("pbx", "admin", WRONG)
    assert remembered() == {name: "2026-01-01T00:00:00+00:00"}


def test_deleted_variable_lets_the_password_through() -> None:
    """Whoever made the account fit the block deletes the variable that the refusal names."""
    remember_rejected("pbx", "admin", WRONG)
    with pytest.raises(AccessDenied) as refusal:
        refuse_if_rejected("pbx", "admin", WRONG)
    Variable.unset(refusal.value.hint.rstrip(".").rpartition(" ")[2])
    refuse_if_rejected("pbx", "admin", WRONG)


def test_two_workers_at_once_lose_no_rejection() -> None:
    """Two sign-ins that are rejected at the same moment are both remembered, under one key."""
    with contextlib.suppress(ValueError):
        Secret.delete(KEY_BLOCK)
    start = threading.Barrier(2)

    def work(user: str) -> None:
        start.wait()
        remember_rejected("pbx", user, WRONG)

    # Prefect's settings are context variables, which a new thread does not have.
    threads = [threading.Thread(target=copy_context().run, args=(work, f"user{n}")) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for n in range(2):
        with pytest.raises(AccessDenied):
            refuse_if_rejected("pbx", f"user{n}", WRONG)


def test_no_prefect_server_lets_nothing_through() -> None:
    """Without its answer nobody knows whether the password was rejected."""
    nobody = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with nobody, pytest.raises(Unreachable, match="No password was sent"):
        refuse_if_rejected("pbx", "admin", WRONG)
