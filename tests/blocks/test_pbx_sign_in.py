"""Signing in to the PBX: one attempt, both forms, each obstacle its own clear error."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.errors import AccessDenied, APIError, Unreachable
from tests.blocks.pbx_support import block_for, patient
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.usefixtures("prefect_server")

SIGN_IN = ("POST", "/api/auth/sign_in")
OAUTH = ("POST", "/api/login/oauth/token")


def refused(pbx: Pbx, **settings: Any) -> AccessDenied:
    """Sign in and return the refusal."""
    with pytest.raises(AccessDenied) as refusal, block_for(pbx, **settings).get_client():
        pass
    return refusal.value


@pytest.mark.parametrize(
    ("setting", "forms", "used"),
    [
        ("auto", ("json", "oauth"), SIGN_IN),
        ("auto", ("oauth",), OAUTH),
        ("json", ("json",), SIGN_IN),
        ("oauth", ("json", "oauth"), OAUTH),
    ],
)
def test_each_form_signs_in_once_and_out(setting: str, forms: tuple[str, ...], used: tuple[str, str]) -> None:
    """A session is opened in the right form and closed in the same one."""
    with Pbx(forms=forms) as pbx:
        with block_for(pbx, sign_in_form=setting).get_client() as client:
            assert client.version() == "22.8.0"
            assert pbx.accounts.sessions == 1
        assert pbx.asked(*used) == 1
        assert pbx.accounts.sessions == 0
        sign_out = "/api/auth/sign_out" if used == SIGN_IN else "/api/login/oauth/revoke"
        assert pbx.requests[-1] == ("POST", sign_out, 200)


@pytest.mark.parametrize("status", [404, 405])
def test_older_form_is_taken_where_the_newer_is_unknown(status: int) -> None:
    """404 and 405 mean that the PBX does not know the form."""
    with Pbx(forms=("oauth",)) as pbx:
        pbx.accounts.missing_form_status = status
        with block_for(pbx).get_client():
            pass
        assert [entry[:2] for entry in pbx.requests[:2]] == [SIGN_IN, OAUTH]


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_older_form_is_not_tried_after_any_other_answer(status: int) -> None:
    """A refused password must not be sent a second time in another form."""
    with Pbx() as pbx:
        pbx.fail_next(*SIGN_IN, status, times=9, code="UNAUTHORIZED")
        with pytest.raises((AccessDenied, APIError)), block_for(pbx).get_client():
            pass
        assert pbx.asked(*OAUTH) == 0
        assert pbx.asked(*SIGN_IN) == 1


@pytest.mark.parametrize("form", ["json", "oauth"])
@pytest.mark.parametrize("status", [None, 400, 401])
def test_rejected_password_is_never_sent_again(form: str, status: int | None) -> None:
    """However often a run starts, the PBX counts one bad sign-in; another password is sent again."""
    with Pbx() as pbx:
        pbx.accounts.bad_password_status = status
        wrong = {"password": "not-the-password", "sign_in_form": form}
        assert "Correct user or password" in refused(pbx, **wrong).hint
        for _ in range(2):
            again = refused(pbx, **wrong)
            assert "rejected before at" in again.answer
            assert "nothing was sent" in again.tried
        assert pbx.bad_sign_ins == 1
        with block_for(pbx, sign_in_form=form).get_client() as client:
            assert client.version() == "22.8.0"


@pytest.mark.parametrize(("status", "code"), [(400, "VALIDATE_FAILED"), (500, "UNKNOWN"), (503, "LICENSE_EXPIRED")])
def test_other_failures_do_not_count_as_rejected(status: int, code: str) -> None:
    """A password that was not judged may be sent again by the next run."""
    with Pbx() as pbx:
        pbx.fail_next(*SIGN_IN, status, times=4 if status == 503 else 1, code=code, message="not now")
        told = f"HTTP {status}: {code}: not now"
        with pytest.raises(APIError, match=told) as failure, block_for(pbx).get_client():
            pass
        assert failure.value.status == status
        with block_for(pbx).get_client() as client:
            assert client.version() == "22.8.0"


def test_throttled_sign_in_is_sent_again_after_a_pause() -> None:
    """429 is no verdict on the password."""
    with Pbx() as pbx:
        pbx.fail_next(*SIGN_IN, 429, times=2)
        with block_for(pbx).get_client() as client:
            assert client.version() == "22.8.0"
        assert pbx.asked(*SIGN_IN) == 3


def test_rejection_that_cannot_be_noted_is_said_beside_the_refusal() -> None:
    """The Prefect server goes away during the sign-in: the refusal stays, and warns of the next run."""
    with contextlib.ExitStack() as outage, Pbx() as pbx:

        def lose_prefect(seconds: float) -> None:
            outage.enter_context(temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}))

        pbx.fail_next(*SIGN_IN, 429)
        block = patient(pbx, lose_prefect, password="wrong")
        with pytest.raises(AccessDenied, match="could not be noted") as refusal, block.get_client():
            pass
        assert "before anything runs again" in refusal.value.hint
        assert pbx.bad_sign_ins == 1


def test_sign_in_whose_answer_is_lost_is_not_repeated() -> None:
    """Nobody knows whether it counted, so the client leaves it at one."""
    with Pbx() as pbx:
        pbx.drop_next(*SIGN_IN, times=9)
        with pytest.raises(Unreachable), block_for(pbx).get_client():
            pass
        assert pbx.asked(*SIGN_IN) == 1


def test_account_that_cannot_be_read_is_an_error() -> None:
    """Only "unknown question" is passed over; anything else is said, and the session is closed."""
    with Pbx() as pbx:
        pbx.fail_next("GET", "/api/auth/user", 400, message="odd")
        with pytest.raises(APIError, match="odd"), block_for(pbx).get_client():
            pass
        assert pbx.accounts.sessions == 0


def test_obstacles_are_told_apart() -> None:
    """Second factor, forced reset, missing rights and a wrong password are four different errors."""
    answers = set()
    with Pbx() as pbx:
        answers.add(refused(pbx, password="wrong").answer)
        pbx.account.two_factor = True
        second = refused(pbx)
        assert "2FA" in second.answer
        assert "Switch 2FA off" in second.hint
        pbx.account.two_factor, pbx.account.force_reset = False, True
        reset = refused(pbx)
        assert "password_force_reset" in reset.answer
        assert "set a new password" in reset.hint
        pbx.account.force_reset = False
        pbx.account.role, pbx.account.role_name = "SiteAdmin", "Site Admin"
        rights = refused(pbx)
        assert "Site Admin" in rights.answer
        assert "System Settings Full Access" in rights.hint
        answers |= {second.answer, reset.answer, rights.answer}
        assert len(answers) == 4
        assert pbx.bad_sign_ins == 1
        assert pbx.accounts.sessions == 0


def test_custom_role_needs_full_access_to_system_settings() -> None:
    """A custom role is judged by its capabilities, also one that calls itself SystemAdmin."""
    with Pbx() as pbx:
        pbx.account.role, pbx.account.capabilities = "Custom", ["SystemSettings.FullAccess"]
        with block_for(pbx).get_client() as client:
            assert client.ip_rules() == []
        pbx.account.role, pbx.account.capabilities = "SystemAdmin", ["SystemSettings.ReadOnly"]
        assert "SystemSettings.ReadOnly" in refused(pbx).answer


def test_pbx_that_does_not_tell_about_accounts_is_used_all_the_same() -> None:
    """Where /api/auth/user is unknown, a missing right shows itself at the call that needs it."""
    with Pbx() as pbx:
        pbx.account.knows_user = False
        with block_for(pbx).get_client() as client:
            assert client.version() == "22.8.0"


@pytest.mark.parametrize("body", [{}, [], {"access_token": None}, {"access_token": "two words\n"}, {"token": "x"}])
def test_unknown_reply_is_said_without_its_values(body: Any) -> None:
    """A sign-in that yields no usable token names the keys that it got."""
    with Pbx() as pbx:
        pbx.answer_next(*SIGN_IN, body)
        with pytest.raises(APIError, match="an unknown reply"), block_for(pbx).get_client():
            pass


def test_blacklisted_address_is_explained() -> None:
    """After five bad sign-ins the PBX drops our connections, and the error says what that looks like."""
    with Pbx(lock_after=1) as pbx:
        refused(pbx, password="wrong")
        with pytest.raises(Unreachable, match="blacklisted"), block_for(pbx).get_client():
            pass
        pbx.blacklisted_get = "silence"
        block = block_for(pbx, connect_timeout=0.2)
        with pytest.raises(Unreachable, match="no answer in time") as silent, block.get_client():
            pass
        assert "IP Blacklist" in silent.value.hint
