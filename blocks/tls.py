"""Decides whether a TLS server is the right one: by the system's CAs, an own CA, or a pinned certificate."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from typing import Any

from cryptography.x509 import load_der_x509_certificate

from blocks.errors import AccessDenied
from blocks.pem import repair_pem

HOW_TO_PIN = (
    "Compare the SHA-256 fingerprint with the certificate that the PBX really has (on the PBX: "
    "`openssl x509 -noout -fingerprint -sha256 -in CERTIFICATE.pem`); if they are the same, choose "
    "'fingerprint' in the block and enter it. If they differ, somebody answers in the PBX's place."
)


def plain_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as 64 small hex digits; accepts colons, spaces and a leading `SHA256:`."""
    digits = re.sub(r"(?i)^\s*sha-?256( fingerprint)?\s*[:=]", "", text)
    digits = re.sub(r"[:\s]", "", digits).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits, with or without colons")
    return digits


def shown_fingerprint(certificate: bytes) -> str:
    """The SHA-256 fingerprint of a DER certificate as `openssl` prints it: capital hex with colons."""
    return _with_colons(hashlib.sha256(certificate).hexdigest())


def _with_colons(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()


class PinnedContext(ssl.SSLContext):
    """A TLS context whose every connection must present one certificate.

    The check is part of the handshake, so no byte of a request can be sent on a connection that failed it.
    """

    where = ""
    pinned = ""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Do the handshake, then compare the fingerprints on this very connection."""
        link = super().wrap_socket(*args, **kwargs)
        try:
            self._compare(link.getpeercert(binary_form=True) or b"")
        except BaseException:
            link.close()
            raise
        return link

    def _compare(self, certificate: bytes) -> None:
        presented = shown_fingerprint(certificate)
        if self.pinned and plain_fingerprint(presented) == self.pinned:
            return
        expected = _with_colons(self.pinned) or "none yet"
        raise AccessDenied(
            self.where,
            "to verify its TLS certificate (no password was sent)",
            f"pinned fingerprint: {expected}; presented: {presented}",
            HOW_TO_PIN,
        )


def pinned_context(where: str, fingerprint: str) -> PinnedContext:
    """A context that accepts the certificate with this fingerprint only; without one it refuses all."""
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    # The pin says more than name and issuer do, and a self-signed certificate has no other proof.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.where = where
    context.pinned = plain_fingerprint(fingerprint) if fingerprint.strip() else ""
    return context


def system_context() -> ssl.SSLContext:
    """A context that asks for a certificate with the right name, signed by a CA of this system."""
    return ssl.create_default_context()


def authority_context(authority: str) -> ssl.SSLContext:
    """A context that asks for a certificate with the right name, signed by this CA (PEM) and no other."""
    pem = repair_pem(authority)
    try:
        if "-----BEGIN CERTIFICATE-----" not in pem:
            raise ValueError("there is no certificate in it")
        return ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as exc:
        raise ValueError(f"the own CA is not a certificate in PEM form: {exc}") from exc


def presented_fingerprint(host: str, port: int, timeout: float) -> str:
    """The fingerprint that a server shows to anybody, for a hint; "" when it cannot be had."""
    certificate = _presented(host, port, timeout)
    return shown_fingerprint(certificate) if certificate is not None else ""


def presented_end(host: str, port: int, timeout: float) -> float | None:
    """When the certificate ends that a server shows to anybody, seconds since 1970; None when it cannot be had."""
    try:
        return load_der_x509_certificate(_presented(host, port, timeout) or b"").not_valid_after_utc.timestamp()
    except ValueError:
        return None


def _presented(host: str, port: int, timeout: float) -> bytes | None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as link,
        ):
            return link.getpeercert(binary_form=True)
    except OSError:
        return None
