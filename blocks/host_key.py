"""Pinned SSH host keys: compares what a server shows with what the block says (promise P10)."""

from __future__ import annotations

import base64
import hashlib

import paramiko

from blocks.errors import AccessDenied


def fingerprint(key: paramiko.PKey) -> str:
    """The SHA-256 fingerprint as `ssh-keygen -l` prints it, e.g. `SHA256:7WfJ…`."""
    return _fingerprint(key.asbytes())


def pinned_fingerprints(pinned: str) -> frozenset[str]:
    """Every key of a block's pin field, one a line: `SHA256:…`, or `ssh-ed25519 AAAA…` (also as known_hosts has it)."""
    found: set[str] = set()
    for line in pinned.replace(",SHA256:", "\nSHA256:").splitlines():
        words = line.split()
        found.update(word.rstrip("=") for word in words if word.startswith("SHA256:"))
        found.update(_fingerprint(base64.b64decode(word)) for word in words if word.startswith("AAAA"))
    return frozenset(found)


def check(where: str, key: paramiko.PKey, pinned: str) -> None:
    """Raise `AccessDenied` with both fingerprints unless the server's key is one of the pinned ones."""
    shown, wanted = fingerprint(key), pinned_fingerprints(pinned)
    if shown in wanted:
        return
    hint = (
        f"If this is really the host (compare on its console: ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), "
        f"enter this in the block's field 'Host key': {key.get_name()} {key.get_base64()}"
    )
    answer = f"the host shows {shown} ({key.get_name()}), pinned is {', '.join(sorted(wanted)) or 'nothing'}"
    raise AccessDenied(where, "checking the host key", answer, hint)


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
