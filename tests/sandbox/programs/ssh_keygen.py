"""`ssh-keygen` of a host in the sandbox: makes RSA keys, finds known hosts (-F), shows fingerprints (-l)."""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import os
import sys
from pathlib import Path

sys.path.append(os.environ["SANDBOX_LIBRARY"])  # where cryptography is


def arguments() -> argparse.Namespace:
    """The options that are understood."""
    parser = argparse.ArgumentParser(prog="ssh-keygen", add_help=False)
    parser.add_argument("-t", default="rsa")
    for letter in "bNCfF":
        parser.add_argument(f"-{letter}")
    for letter in "qlyH":
        parser.add_argument(f"-{letter}", action="store_true")
    return parser.parse_args()


def fingerprint(blob: bytes) -> str:
    """The SHA-256 fingerprint as OpenSSH writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def make(file: Path, bits: int, comment: str, quiet: bool) -> int:
    """A new pair of files, private 0600 and public 0644; an existing one is only replaced after a yes."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    if file.exists():
        print(f"{file} already exists.\nOverwrite (y/n)? ", end="", flush=True)
        if sys.stdin.readline().strip() not in ("y", "yes"):
            return 1
    key = rsa.generate_private_key(65537, bits)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
        out.write(private)
    public_file = file.with_name(file.name + ".pub")
    public_file.write_bytes(public + f" {comment}\n".encode())
    public_file.chmod(0o644)
    if not quiet:
        print(f"Your identification has been saved in {file}\nYour public key has been saved in {public_file}")
        print(f"The key fingerprint is:\n{fingerprint(base64.b64decode(public.split()[1]))} {comment}")
    return 0


def names_host(pattern: str, name: str) -> bool:
    """Whether the first field of a known_hosts line means this host."""
    if not pattern.startswith("|1|"):
        return name in pattern.split(",")
    salt, digest = (base64.b64decode(part) for part in pattern.split("|")[2:4])
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def find(name: str, file: Path) -> int:
    """Print the lines of known_hosts that mean this host; 1 when there is none."""
    if not file.exists():
        print(f"Cannot stat {file}: No such file or directory", file=sys.stderr)
        return 255
    lines = [(n, line.split()) for n, line in enumerate(file.read_text().splitlines(), 1)]
    found = [(n, row) for n, row in lines if len(row) > 2 and names_host(row[0], name)]
    for number, row in found:
        print(f"# Host {name} found: line {number} \n{' '.join(row)}")
    return 0 if found else 1


def show(file: Path) -> int:
    """The fingerprint of each public key in the file."""
    public = file.with_name(file.name + ".pub")
    for row in (line.split() for line in (public if public.exists() else file).read_text().splitlines()):
        at = next((i for i, word in enumerate(row) if word.startswith("ssh-")), None)
        if at is not None:
            blob = base64.b64decode(row[at + 1])
            kind = row[at].removeprefix("ssh-").upper()
            bits = 256 if kind == "ED25519" else (len(blob) - 23) // 256 * 2048
            print(bits, fingerprint(blob), " ".join(row[at + 2 :]) or "no comment", f"({kind})")
    return 0


def main() -> int:
    """Do what the options say."""
    given = arguments()
    home = Path(os.environ["HOME"], ".ssh")
    if given.F:
        return find(given.F, Path(given.f or home / "known_hosts"))
    file = Path(given.f or home / "id_rsa")
    if given.l:
        return show(file)
    if given.y:
        from cryptography.hazmat.primitives import serialization as form

        key = form.load_ssh_private_key(file.read_bytes(), password=None)
        print(key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode())
        return 0
    if given.t != "rsa" or given.N is None:
        print("ssh-keygen of the sandbox: only -t rsa with -N is understood", file=sys.stderr)
        return 1
    comment = given.C if given.C is not None else f"{os.environ['USER']}@{os.environ['HOSTNAME']}"
    return make(file, int(given.b or 3072), comment, given.q)


sys.exit(main())
