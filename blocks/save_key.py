"""Saves an SSH private key from a file into a block: the UI's password field turns its line ends into spaces.

    python -m blocks.save_key --block ssh-host/pbx01 --file ~/.ssh/id_ed25519

The block has to be saved already (in the UI, with the key left empty). The key is read as a sign-in reads it before it
is saved, and never printed; its passphrase, if it has one, is asked for.
"""

from __future__ import annotations

import argparse
import getpass
import io
from pathlib import Path

import paramiko
from pydantic import SecretStr

from blocks.errors import AccessDenied
from blocks.host_key import fingerprint
from blocks.pem import repair_pem
from blocks.ssh import SshHost, load_key

KIND = "ssh-host"


def main(words: list[str] | None = None) -> None:
    """Save the key that the words of the command line name; ends with a message where that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m blocks.save_key", description=__doc__)
    parser.add_argument("--block", required=True, help=f"the saved block: {KIND}/NAME")
    parser.add_argument("--file", required=True, type=Path, help="the private key, e.g. ~/.ssh/id_ed25519")
    asked = parser.parse_args(words)
    file = asked.file.expanduser()
    kind, _, name = asked.block.partition("/")
    if kind != KIND or not name:
        raise SystemExit(f"{asked.block!r} is no block with an SSH key: write {KIND}/NAME.")
    text = _text(file)
    key, passphrase = _key(file, text)
    try:
        block = SshHost.load(name)
    except ValueError as error:
        raise SystemExit(f"The block {asked.block} cannot be loaded; save it in the UI first. {error}") from None
    assert isinstance(block, SshHost)  # here, outside of an event loop
    block.private_key, block.passphrase = SecretStr(repair_pem(text)), SecretStr(passphrase)
    block.save(name, overwrite=True)
    print(f"saved the {key.get_name()} key {fingerprint(key)} in {asked.block}, for {block.user}@{block.where}")


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SystemExit(f"{file} cannot be read: {reason}.") from None


def _key(file: Path, text: str) -> tuple[paramiko.PKey, str]:
    """The key, and its passphrase; asks for that only where the key has one."""
    if "PUBLIC KEY" in text or text.startswith(("ssh-", "ecdsa-")):
        raise SystemExit(f"{file} is a public key; the private one is the file without .pub.")
    passphrase = ""
    while True:
        try:
            return load_key(str(file), io.StringIO(repair_pem(text)), passphrase or None), passphrase
        except AccessDenied as error:
            if passphrase or not isinstance(error.__cause__, paramiko.PasswordRequiredException):
                raise SystemExit(f"{file} cannot be used: {error.answer}.") from None
            passphrase = getpass.getpass(f"Passphrase of {file}: ")


if __name__ == "__main__":
    main()
