"""A private key gets from its file into a block whole, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import paramiko
import pytest
from pydantic import SecretStr

from blocks.save_key import main
from blocks.ssh import SshHost, load_key

PHRASE = "open sesame"


@pytest.fixture
def key() -> paramiko.PKey:
    """A key of our own; of a kind that is quickly made."""
    return paramiko.ECDSAKey.generate(bits=256)


@pytest.fixture
def saved(prefect_server: str) -> str:
    """The name of a saved block without a key."""
    SshHost(host="192.0.2.1", password=SecretStr("")).save("pbx01", overwrite=True)
    return "pbx01"


@pytest.mark.parametrize("phrase", ["", PHRASE])
def test_a_key_is_saved_whole_and_never_shown(
    key: paramiko.PKey,
    phrase: str,
    saved: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the block holds afterwards is the same key; what was printed is its fingerprint only."""
    file = tmp_path / "id"
    key.write_private_key_file(str(file), phrase or None)
    monkeypatch.setattr("getpass.getpass", lambda _: PHRASE)
    main(["--block", f"ssh-host/{saved}", "--file", str(file)])
    block = SshHost.load(saved)
    text = io.StringIO(block.private_key.get_secret_value())
    assert load_key("here", text, block.passphrase.get_secret_value() or None) == key
    assert block.passphrase.get_secret_value() == phrase
    said = "".join(capsys.readouterr())
    assert key.fingerprint in said
    assert [line for line in file.read_text().split() if line in said] == []


def test_what_is_no_key_is_refused_before_the_block_is_touched(
    key: paramiko.PKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what is wrong, and without a word of the file."""
    locked, public, other = tmp_path / "locked", tmp_path / "id.pub", tmp_path / "other"
    key.write_private_key_file(str(locked), PHRASE)
    public.write_text(f"{key.get_name()} {key.get_base64()} me@here\n")
    other.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret words\n-----END OPENSSH PRIVATE KEY-----\n")
    monkeypatch.setattr("getpass.getpass", lambda _: "wrong")
    for file, said in (
        (locked, "wrong passphrase"),
        (public, "is a public key"),
        (other, "cannot be used"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(SystemExit, match=said) as raised:
            main(["--block", "ssh-host/pbx01", "--file", str(file)])
        assert "secret words" not in str(raised.value)


@pytest.mark.parametrize("block", ["pbx01", "pbx-api/pbx01", "ssh-host/"])
def test_a_block_of_another_kind_is_refused(block: str, tmp_path: Path) -> None:
    """Only an SSH host has a key."""
    with pytest.raises(SystemExit, match="write ssh-host/NAME"):
        main(["--block", block, "--file", str(tmp_path)])


def test_a_block_that_is_not_there_is_named(key: paramiko.PKey, prefect_server: str, tmp_path: Path) -> None:
    """It has an address, which only a person knows: this makes no block."""
    file = tmp_path / "id"
    key.write_private_key_file(str(file))
    with pytest.raises(SystemExit, match="ssh-host/nobody cannot be loaded; save it in the UI first"):
        main(["--block", "ssh-host/nobody", "--file", str(file)])
