"""The hosts of the sandbox, spoken to over real SSH connections: commands, sudo, sign-in, files."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import paramiko
import pytest

from tests.flows.support import wait_until
from tests.sandbox import processes
from tests.sandbox.host import Host

pytestmark = pytest.mark.matrix  # the sandbox itself, which changes less often than what it is there to test

PASSWORD = "correct horse"
STRICT = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10"


class Said(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@contextmanager
def signed_in(host: Host, password: str = PASSWORD) -> Iterator[paramiko.Transport]:
    """One connection to the host."""
    transport = paramiko.Transport(("127.0.0.1", host.ssh_port))
    try:
        transport.connect(username="pbx", password=password)
        transport.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
        yield transport
    finally:
        transport.close()


def run(host: Host, command: str, stdin: str = "") -> Said:
    """Run one command over a connection of its own."""
    with signed_in(host) as transport, transport.open_session(timeout=10) as channel:
        channel.settimeout(20)
        channel.exec_command(command)
        channel.sendall(stdin.encode())
        channel.shutdown_write()
        out, err = channel.makefile().read().decode(), channel.makefile_stderr().read().decode()
        return Said(channel.recv_exit_status(), out, err)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """The Data Flow server."""
    with Host("dataflow01", tmp_path / "dataflow01", "192.168.1.26", password=PASSWORD) as host:
        yield host


@pytest.fixture
def control(tmp_path: Path, host: Host) -> Iterator[Host]:
    """The control node, which finds the server at its address."""
    with Host("pbx01", tmp_path / "pbx01", "192.168.1.21", password=PASSWORD) as control:
        control.know("192.168.1.26", host.ssh_port)
        yield control


def test_a_command_sees_the_host_and_not_this_machine(host: Host) -> None:
    """Files, answers, home and the search path are the host's; its folder is never shown."""
    said = run(host, "cat /etc/hostname; nproc; uname -m; pwd; command -v df; type -P mount || echo none")
    assert said == (0, "dataflow01\n8\nx86_64\n/home/pbx\n/bin/df\nnone\n", "")


def test_output_errors_and_exit_code_come_apart(host: Host) -> None:
    """Both streams and the code arrive, and stdin reaches the command."""
    assert run(host, "tr a-z A-Z; ls /var/nothing >&2; exit 7", "words") == (
        7,
        "WORDS",
        "ls: cannot access '/var/nothing': No such file or directory\n",
    )
    assert run(host, "kill -KILL $$").code == -1


def test_output_arrives_while_the_command_still_runs(host: Host) -> None:
    """A line is there before the command has ended, which waits for our answer."""
    with signed_in(host) as transport, transport.open_session() as channel:
        channel.settimeout(10)
        channel.exec_command("echo at /; read -r x; echo got $x")
        assert channel.recv(100) == b"at /\n"
        channel.sendall(b"it\n")
        assert channel.recv(100) == b"got it\n"


def test_answers_of_commands_can_be_changed_and_taken_away(host: Host) -> None:
    """The exact words go before the name, real tools stay behind an answer, without both it is not found."""
    host.answers["nproc"] = "2\n"
    host.answers.say("lsblk -J", stderr="no disks", exit_code=32)
    host.answers["stat -c %Y /var/lib/apt/lists"] = "17\n"
    assert run(host, "nproc; stat -c %Y /var/lib/apt/lists; stat -c %s /etc/hostname").out == "2\n17\n11\n"
    assert run(host, "lsblk -J") == (32, "", "no disks\n")
    del host.answers["nproc"]
    assert run(host, "nproc").code == 127
    assert run(host, "command -v nproc").code == 1


def test_df_takes_the_longest_mount(host: Host) -> None:
    """The table decides; a path that does not exist is an error."""
    said = run(host, "df -B1 --output=fstype,target -- /var/lib/portsip; df --output=target /var/lib /no")
    assert said.out == "Type Mounted on\next4 /var/lib/portsip\nMounted on\n/\n"
    assert said.code == 1


def test_the_clock_can_be_wrong(host: Host) -> None:
    """`date` shows the host's time."""
    host.set_clock(-3600)
    assert -3605 < float(run(host, "date +%s.%N").out) - time.time() < -3595


def test_a_port_test_reaches_only_what_the_world_maps(host: Host) -> None:
    """A connection of bash goes where `reach` says; unknown addresses never leave this machine."""
    probe = "timeout 3 bash -c 'exec 3<>/dev/tcp/192.168.1.20/8887'"
    assert run(host, probe).code == 1
    host.reach[("192.168.1.20", 8887)] = ("127.0.0.1", host.ssh_port)
    assert run(host, probe).code == 0


def test_sudo_without_a_password(host: Host) -> None:
    """It runs the command as if as root, shell text too, and leaves stdin alone."""
    assert run(host, "whoami; sudo -n whoami; sudo -n bash -c 'cat; id -u'", "in\n").out == "pbx\nroot\nin\n0\n"
    assert run(host, "sudo -n false").code == 1


def test_sudo_with_a_password_takes_it_from_stdin(host: Host) -> None:
    """-n refuses, -S reads exactly one line, a wrong one fails, and each try is counted."""
    host.sudo = "password"
    assert run(host, "sudo -n true") == (1, "", "sudo: a password is required\n")
    assert run(host, "sudo -S -p '' cat", f"{PASSWORD}\nrest") == (0, "rest", "")
    refused = "Sorry, try again.\nsudo: 1 incorrect password attempt\n"
    assert run(host, "sudo -S -p '' cat", "wrong\n") == (1, "", refused)
    assert host.sudo_attempts == ["right", "wrong"]
    assert PASSWORD not in "".join(p.read_text() for p in (host.root / "etc").rglob("*") if p.is_file())


def test_who_is_no_sudoer_stays_one_with_the_right_password(host: Host) -> None:
    """The answer names the sudoers file."""
    host.sudo = "none"
    said = run(host, "sudo -S -p '' true", f"{PASSWORD}\n")
    assert (said.code, said.err) == (1, "pbx is not in the sudoers file.\n")


def test_sign_ins_are_remembered_and_a_wrong_password_is_refused(host: Host) -> None:
    """Tests can see who tried what; a host may also take keys only."""
    with pytest.raises(paramiko.AuthenticationException), signed_in(host, "wrong"):
        pass
    run(host, "true")
    host.password_sign_in = False
    with pytest.raises(paramiko.BadAuthenticationType), signed_in(host):
        pass
    assert host.sign_ins[:2] == [("pbx", "password", False), ("pbx", "password", True)]
    assert not any(right for _, _, right in host.sign_ins[2:])


def test_a_key_signs_in_once_it_is_authorised_with_safe_modes(control: Host, host: Host) -> None:
    """authorized_keys is read at each sign-in; a file that others may write does not count."""
    run(control, "ssh-keygen -q -t rsa -b 2048 -N '' -f ~/.ssh/id_rsa")
    control.write("/home/pbx/.ssh/known_hosts", f"192.168.1.26 {host.host_key}\n")
    login = f"ssh {STRICT} pbx@192.168.1.26 'cat /etc/hostname; cat >&2; exit 5'"
    refused = Said(255, "", "pbx@192.168.1.26: Permission denied (publickey,password).\n")
    assert run(control, login) == refused
    keys = host.write("/home/pbx/.ssh/authorized_keys", control.path("/home/pbx/.ssh/id_rsa.pub").read_text(), 0o622)
    assert run(control, login) == refused
    keys.chmod(0o600)
    assert run(control, login, "typed") == (5, "dataflow01\n", "typed")
    assert control.path("/home/pbx/.ssh/id_rsa").stat().st_mode & 0o777 == 0o600


def test_ssh_refuses_an_unknown_and_a_changed_host_key(control: Host, host: Host) -> None:
    """known_hosts decides before any key or password is offered."""
    login = f"ssh {STRICT} pbx@192.168.1.26 true"
    assert "No ED25519 host key is known" in run(control, login).err
    control.write("/home/pbx/.ssh/known_hosts", f"192.168.1.26 {host.host_key}\n")
    assert run(control, "ssh-keygen -F 192.168.1.26 -f ~/.ssh/known_hosts").out.endswith(f" {host.host_key}\n")
    assert run(control, "ssh-keygen -F '[192.168.1.26]:2222' -f ~/.ssh/known_hosts").code == 1
    host.new_host_key()
    said = run(control, login)
    assert (said.code, "IDENTIFICATION HAS CHANGED" in said.err, host.sign_ins) == (255, True, [])


def test_files_are_replaced_in_one_step(host: Host) -> None:
    """SFTP sees the same tree; posix_rename replaces, plain rename does not."""
    with signed_in(host) as transport, paramiko.SFTPClient.from_transport(transport) as sftp:
        for name, text in (("new", b"2"), ("old", b"1")):
            sftp.putfo(io.BytesIO(text), f"/home/pbx/{name}")
        with pytest.raises(OSError):
            sftp.rename("/home/pbx/new", "/home/pbx/old")
        sftp.chmod("new", 0o600)
        sftp.posix_rename("new", "old")
        assert set(sftp.listdir("/home/pbx")) == set(sftp.listdir(".")) == {".ssh", "old"}
    assert run(host, "cat ~/old; stat -c %a ~/old").out == "2600\n"


def test_files_of_root_and_a_full_disk_are_refused(host: Host) -> None:
    """The user cannot write to /etc over SFTP; a full disk fails every write."""
    with signed_in(host) as transport, paramiko.SFTPClient.from_transport(transport) as sftp:
        with pytest.raises(PermissionError):
            sftp.open("/etc/passwd", "w")
        host.disk_full = True
        with pytest.raises(OSError):
            sftp.open("/home/pbx/x", "w")


def test_forwarding_can_be_denied(host: Host) -> None:
    """A port behind the host is reached, until its sshd is told not to."""
    with signed_in(host) as transport:
        host.reach[("127.0.0.1", 22)] = ("127.0.0.1", host.ssh_port)
        with transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 0), timeout=5) as channel:
            channel.settimeout(5)
            assert channel.recv(7) == b"SSH-2.0"
        host.forwarding = False
        with pytest.raises(paramiko.ChannelException, match="prohibited"):
            transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 0), timeout=5)


def test_a_detached_child_survives_its_connection_and_ends_with_the_host(tmp_path: Path) -> None:
    """Nothing that a command started is left, and no folder."""
    with Host("gone", tmp_path / "gone", "192.168.1.26", password=PASSWORD) as host:
        said = run(host, "setsid nohup sleep 300 >/dev/null 2>&1 </dev/null & echo $!; mkdir -m 000 ~/shut")
        wait_until(host.processes, "the child to show its environment, which it does not while it starts")
        assert host.processes() == [int(said.out)]
    assert processes.of(tmp_path / "gone") == []
    with suppress(FileNotFoundError):  # what is left of it, if anything, only waits for init to take its exit code
        assert ") Z " in Path(f"/proc/{said.out.strip()}/stat").read_text()
    assert not (tmp_path / "gone").exists()
