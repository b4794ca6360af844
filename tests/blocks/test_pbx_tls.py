"""The PBX proves who it is before it gets a password."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from blocks.errors import AccessDenied, Unreachable
from blocks.tls import plain_fingerprint, presented_fingerprint, shown_fingerprint
from tests.blocks.pbx_support import block_for
from tests.sandbox.pbx import Pbx

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_pinned_certificate_is_accepted_with_and_without_colons() -> None:
    """The fingerprint may be written as openssl prints it or as plain hex."""
    with Pbx() as pbx:
        colons = ":".join(pbx.fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
        for text in (pbx.fingerprint, colons, f"SHA256 Fingerprint={colons}", f"sha256:{pbx.fingerprint}"):
            with block_for(pbx, fingerprint=text).get_client() as client:
                assert client.version() == "22.8.0"


def test_other_certificate_is_refused_with_both_fingerprints_before_any_request() -> None:
    """A changed certificate ends in a refusal that shows both, and not one request arrives."""
    with Pbx() as pbx:
        block, pinned = block_for(pbx), pbx.fingerprint
        pbx.rotate_certificate()
        with pytest.raises(AccessDenied) as refusal, block.get_client():
            pass
        shown = refusal.value.answer.replace(":", "").lower()
        assert pinned in shown
        assert pbx.fingerprint in shown
        assert "choose 'fingerprint'" in refusal.value.hint
        assert pbx.requests == []


def test_certificate_changed_between_two_connections_is_refused_too() -> None:
    """Every connection is checked, also one that is opened anew in the middle of a session."""
    with Pbx() as pbx, pytest.raises(AccessDenied), block_for(pbx).get_client() as client:
        assert client.version()
        pbx.rotate_certificate()
        pbx.drop_next("GET", "/api/network")
        asked = len(pbx.requests)
        try:
            client.network()
        finally:
            # The dropped request is the last one: nothing was sent to the stranger.
            assert len(pbx.requests) == asked + 1


def test_the_end_of_the_certificate_is_read_without_a_sign_in() -> None:
    """The sandbox's lasts for thirty days; where nobody answers it is not known. Nothing is sent."""
    with Pbx() as pbx:
        end = block_for(pbx).certificate_end()
        assert end == pytest.approx(time.time() + 30 * 86400, abs=600)
        assert pbx.requests == []
        gone = block_for(pbx)
    assert gone.certificate_end() is None


def test_empty_pin_is_refused_and_shows_what_to_pin() -> None:
    """Whoever does not know the fingerprint yet reads it in the refusal."""
    with Pbx() as pbx:
        with (
            pytest.raises(AccessDenied, match="none yet") as refusal,
            block_for(pbx, fingerprint="").get_client(),
        ):
            pass
        assert plain_fingerprint(refusal.value.answer.rpartition("presented: ")[2]) == pbx.fingerprint
        assert pbx.requests == []


def test_own_authority_is_accepted_also_with_flattened_line_ends() -> None:
    """The UI's form turns line ends into spaces; the PEM works all the same."""
    with Pbx() as pbx:
        for pem in (
            pbx.certificate,
            pbx.certificate.replace("\n", " "),
            pbx.certificate.replace("\n", "\r\n"),
        ):
            with block_for(pbx, verification="own CA", authority=pem).get_client() as client:
                assert client.version() == "22.8.0"


def test_certificate_for_another_name_is_refused() -> None:
    """With an own CA the name in the certificate has to be the one in the block."""
    with Pbx(names=("pbx.example",)) as pbx:
        block = block_for(pbx, verification="own CA", authority=pbx.certificate)
        with pytest.raises(AccessDenied, match="IP address mismatch"), block.get_client():
            pass
        assert pbx.requests == []


def test_self_signed_certificate_is_refused_by_system_authorities() -> None:
    """Nobody is trusted just because TLS works; the refusal shows the fingerprint that was presented."""
    with Pbx() as pbx:
        block = block_for(pbx, verification="system CA")
        with pytest.raises(AccessDenied, match="self-signed") as refusal, block.get_client():
            pass
        assert plain_fingerprint(refusal.value.answer.rpartition("fingerprint: ")[2]) == pbx.fingerprint
        assert pbx.requests == []


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE----- AAAA -----END CERTIFICATE-----"])
def test_authority_that_is_no_certificate_is_said(text: str) -> None:
    """A wrong own CA is named, and nothing is sent."""
    with Pbx() as pbx:
        block = block_for(pbx, verification="own CA", authority=text)
        with pytest.raises(AccessDenied, match="own CA is not a certificate"), block.get_client():
            pass
        assert pbx.requests == []


def test_server_without_tls_is_named() -> None:
    """A port that does not speak TLS at all is not taken for a wrong password."""
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            link, _ = server.accept()
            with link:
                link.recv(100)
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with Pbx() as pbx:
            block = block_for(pbx, port=server.getsockname()[1], tries=1)
            with pytest.raises(Unreachable, match="8887"), block.get_client():
                pass
        thread.join()


def test_fingerprint_of_nobody_is_empty() -> None:
    """The hint does without it where the server cannot be asked a second time."""
    with Pbx() as pbx:
        port = pbx.port
    assert presented_fingerprint("127.0.0.1", port, 1) == ""


@pytest.mark.parametrize("text", ["12:34", "z" * 64, "a" * 63])
def test_misspelled_fingerprint_is_refused_when_the_block_is_made(text: str) -> None:
    """A fingerprint has 64 hexadecimal digits."""
    with Pbx() as pbx, pytest.raises(ValidationError, match="64 hexadecimal digits"):
        block_for(pbx, fingerprint=text)


def test_shown_fingerprint_is_spelled_as_openssl_does() -> None:
    """Capital letters, colons."""
    assert shown_fingerprint(b"abc").startswith("BA:78:16:BF:8F:01:CF:EA")
