"""The SSH block against the sandbox's SSH server: sign-in, host keys, commands, sudo, files, deadlines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from blocks.errors import AccessDenied, CommandFailed, Unreachable
from blocks.ssh import SshHost
from tests.sandbox.host import Host

PASSWORD = "correct horse"

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """One running host of the sandbox."""
    with Host("dataflow01", tmp_path / "dataflow01", "192.168.1.26", password=PASSWORD) as host:
        yield host


def block(host: Host, **changes: object) -> SshHost:
    """The block that signs in to it."""
    known = {
        "host": "127.0.0.1",
        "port": host.ssh_port,
        "password": SecretStr(PASSWORD),
        "host_key": host.host_key,
    }
    return SshHost(**{**known, **changes})


def test_a_command_answers_with_output_and_exit_code(host: Host) -> None:
    """Standard output, standard error and the exit code come back apart."""
    with block(host).get_client() as ssh:
        answer = ssh.run("echo out; echo err >&2; exit 3", check=False)
    assert answer == (3, "out\n", "err\n")


def test_many_commands_share_one_sign_in(host: Host) -> None:
    """One connection carries every command of a task."""
    with block(host).get_client() as ssh:
        for number in range(5):
            assert ssh.run(["echo", str(number)]).stdout == f"{number}\n"
    assert host.sign_ins == [("pbx", "password", True)]


def test_a_failed_command_tells_exit_code_and_last_lines(host: Host) -> None:
    """The error says where, what and what came back."""
    with (
        block(host).get_client(name="server") as ssh,
        pytest.raises(CommandFailed, match=r"server .*no such thing") as caught,
    ):
        ssh.run("echo no such thing >&2; exit 7")
    assert caught.value.exit_code == 7


def test_a_rejected_password_is_not_sent_again(host: Host) -> None:
    """The second try is refused before anything is sent (P9), and the text holds no password."""
    wrong = block(host, password=SecretStr("wrong-one"))
    for _ in range(2):
        with pytest.raises(AccessDenied) as caught, wrong.get_client():
            pass
        assert "wrong-one" not in repr(caught.value)
    assert host.sign_ins == [("pbx", "password", False)]
    with block(host).get_client() as ssh:
        assert ssh.run("true").exit_code == 0


@pytest.mark.parametrize(
    ("switch", "usual", "error"),
    [("password_sign_in", True, AccessDenied), ("ends_at_sign_in", False, Unreachable)],
    ids=["takes only keys", "ends meanwhile"],
)
def test_a_password_that_nobody_judged_may_be_sent_again(
    host: Host, switch: str, usual: bool, error: type[Exception]
) -> None:
    """It is no rejected password, and works once the server answers."""
    setattr(host, switch, not usual)
    with pytest.raises(error), block(host).get_client():
        pass
    setattr(host, switch, usual)
    with block(host).get_client() as ssh:
        assert ssh.run("true").exit_code == 0


@pytest.mark.parametrize("pin", ["line", "fingerprint", "several"])
def test_the_pinned_host_is_accepted(host: Host, pin: str) -> None:
    """A key line, a fingerprint, and a list of both are pins."""
    from blocks.host_key import fingerprint

    shown = fingerprint(host.key)
    pins = {"line": host.host_key, "fingerprint": shown, "several": f"SHA256:abc\n{shown}"}
    with block(host, host_key=pins[pin]).get_client() as ssh:
        assert ssh.host_key == host.host_key


@pytest.mark.parametrize("pin", ["", "SHA256:7TpuaE7LO4fMSQuFnEOnVXB9BPzCXGJjmNmmHYwPkmk"])
def test_an_unpinned_or_changed_host_key_is_refused_with_how_to_pin(host: Host, pin: str) -> None:
    """The refusal shows both fingerprints and the line to enter, and no password was sent."""
    with pytest.raises(AccessDenied) as caught, block(host, host_key=pin).get_client():
        pass
    from blocks.host_key import fingerprint

    assert fingerprint(host.key) in str(caught.value)
    assert (pin or "nothing") in str(caught.value)
    assert host.host_key in str(caught.value)
    assert host.sign_ins == []


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
@pytest.mark.parametrize("flattened", [False, True])
def test_a_private_key_signs_in_also_when_the_form_flattened_it(host: Host, passphrase: str, flattened: bool) -> None:
    """The UI's password field turns line ends into spaces; the key still works, with and without passphrase."""
    private = Ed25519PrivateKey.generate()
    lock = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    pem = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, lock).decode()
    public = private.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    host.write("/home/pbx/.ssh/authorized_keys", f"{public} me\n", 0o600)
    pem = pem.replace("\n", " ") if flattened else pem
    signed = block(host, private_key=SecretStr(pem), passphrase=SecretStr(passphrase), password=SecretStr(""))
    with signed.get_client() as ssh:
        assert ssh.run("true").exit_code == 0
    assert host.sign_ins == [("pbx", "publickey", True)]


def test_an_unreadable_key_says_so_without_showing_it(host: Host) -> None:
    """Text that is no key is refused before anything is sent."""
    with (
        pytest.raises(AccessDenied, match="cannot be read") as caught,
        block(host, private_key=SecretStr("not-a-key-at-all")).get_client(),
    ):
        pass
    assert "not-a-key-at-all" not in repr(caught.value)
    assert host.sign_ins == []


def test_sudo_without_a_password(host: Host) -> None:
    """An empty sudo password uses `sudo -n`."""
    with block(host).get_client() as ssh:
        assert ssh.run("echo $((1+1))", sudo=True).stdout == "2\n"


def test_sudo_with_a_password_reads_it_from_standard_input(host: Host) -> None:
    """The password reaches sudo alone; the command gets its own input, and no argument list holds the password."""
    host.sudo = "password"
    with block(host, sudo_password=SecretStr(PASSWORD)).get_client() as ssh:
        assert ssh.run("cat", sudo=True, stdin="for cat").stdout == "for cat"
    assert all(PASSWORD not in command for command in host.commands)


def test_a_refused_sudo_is_an_access_error_with_what_to_do(host: Host) -> None:
    """Where sudo asks for a password that the block does not have, the hint says how to allow it."""
    host.sudo = "password"
    with block(host).get_client() as ssh, pytest.raises(AccessDenied, match="NOPASSWD"):
        ssh.run("true", sudo=True)


def test_a_wrong_sudo_password_is_sent_once(host: Host) -> None:
    """A second command is refused before the password is sent again."""
    host.sudo = "password"
    with block(host, sudo_password=SecretStr("wrong-sudo")).get_client() as ssh:
        for _ in range(2):
            with pytest.raises(AccessDenied):
                ssh.run("true", sudo=True)
    assert host.sudo_attempts == ["wrong"]


def test_files_are_written_whole_and_read_back(host: Host) -> None:
    """A written file has its text and mode; a missing one reads as None."""
    with block(host).get_client() as ssh:
        ssh.write("/home/pbx/note", "one\ntwo", mode=0o640)
        assert ssh.read("/home/pbx/note") == "one\ntwo"
        assert ssh.read("/home/pbx/none") is None
    assert host.path("/home/pbx/note").stat().st_mode & 0o777 == 0o640
    assert [p.name for p in host.path("/home/pbx").glob("note*")] == ["note"]


def test_a_silent_freeze_ends_at_the_deadline(host: Host) -> None:
    """A link that passes nothing any more does not hang a command."""
    with block(host, command_timeout=1).get_client() as ssh:
        host.link.freeze()
        with pytest.raises(Unreachable, match=r"deadline|[Tt]imed? ?out"):
            ssh.run("echo too late")
        host.link.thaw()


def test_a_cut_link_is_unreachable(host: Host) -> None:
    """A connection that is reset under a command is told as such, not as an exit code."""
    with block(host).get_client() as ssh:
        host.link.cut()
        with pytest.raises(Unreachable):
            ssh.run("echo too late")


def test_a_closed_port_is_unreachable() -> None:
    """Nobody listens: the error names address and what to check."""
    nobody = SshHost(host="127.0.0.1", port=1, host_key="SHA256:x", password=SecretStr("x"))
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"), nobody.get_client():
        pass


def test_forbidden_forwarding_is_an_access_error(host: Host) -> None:
    """The hint names the setting of the SSH server."""
    host.forwarding = False
    with block(host).get_client() as ssh, pytest.raises(AccessDenied, match="AllowTcpForwarding"):
        ssh.open_port(8123)


def test_a_host_behind_another_is_reached_through_it(host: Host, tmp_path: Path) -> None:
    """PBX nodes are reached through the control node's connection."""
    with Host("pbx02", tmp_path / "pbx02", "192.168.1.22", password=PASSWORD) as second:
        host.reach["192.168.1.22", 22] = ("127.0.0.1", second.ssh_port)
        behind = block(second).model_copy(update={"host": "192.168.1.22", "port": 22})
        with block(host).get_client() as first, behind.get_client(through=first) as ssh:
            assert ssh.run("cat /etc/hostname").stdout == "pbx02\n"


def test_every_exception_of_paramiko_is_translated() -> None:
    """No library exception reaches a task untranslated."""
    from blocks.ssh_client import translated

    kinds = [
        kind
        for kind in vars(paramiko.ssh_exception).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__.startswith("paramiko")
    ]
    assert len(kinds) > 8
    key = paramiko.RSAKey.generate(2048)
    arguments = {
        "BadAuthenticationType": ("not that way", ["publickey"]),
        "PartialAuthentication": (["password"],),
        "ChannelException": (2, "Connect failed"),
        "BadHostKeyException": ("host", key, key),
        "ProxyCommandFailure": ("nc", 1),
        "NoValidConnectionsError": ({("127.0.0.1", 1): OSError("refused")},),
        "CouldNotCanonicalize": ("name",),
    }
    for kind in kinds:
        with pytest.raises((AccessDenied, Unreachable)), translated("host", "trying"):
            raise kind(*arguments.get(kind.__name__, ("text",)))
