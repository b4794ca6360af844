"""A stand-in for the `docker` program: the verbs that the vendor's script and our flows use.

Runs as `python -S -E -I docker_cli.py VERB ...` with the engine's socket in `SANDBOX_DOCKER_SOCKET`. It
imports little (no pathlib, and the socket without what Python puts around it), because its start is part of every
command's time.
"""

from __future__ import annotations

import _socket as socket
import os
import sys

SOCKET = os.environ.get("SANDBOX_DOCKER_SOCKET", "/var/run/docker.sock")
SHOWN = "/var/run/docker.sock"


class Failure(Exception):
    """What docker prints on standard error, and its exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.text, self.code = text, code


def connect() -> socket.socket:
    """Connect to the engine, with docker's words when that fails."""
    # On a host of the sandbox only root (sudo sets SUDO_USER) may use a socket that is not for users.
    if os.access(SOCKET + ".root-only", os.F_OK) and not os.environ.get("SUDO_USER"):
        text = f"permission denied while trying to connect to the Docker daemon socket at unix://{SHOWN}"
        raise Failure(f"{text}: dial unix {SHOWN}: connect: permission denied")
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(SOCKET)
    except OSError:
        text = f"Cannot connect to the Docker daemon at unix://{SHOWN}. Is the docker daemon running?"
        raise Failure(text) from None
    return line


def dial() -> int:
    """Join standard input and output with the engine's socket; each direction ends by itself."""
    import threading  # here only: no other verb needs it

    line = connect()

    def upwards() -> None:
        while piece := os.read(0, 65536):
            line.sendall(piece)
        line.shutdown(socket.SHUT_WR)

    threading.Thread(target=upwards, daemon=True).start()
    while piece := line.recv(65536):
        while piece:
            piece = piece[os.write(1, piece) :]
    return 0


def main(words: list[str]) -> int:
    """Do what the words say; returns docker's exit code."""
    try:
        if words[:2] == ["system", "dial-stdio"]:
            return dial()
        # The verbs live in a file of their own: dial-stdio need not load it, and Python keeps it compiled.
        sys.path.insert(0, __file__.rpartition("/")[0])
        import docker_cli_verbs

        return docker_cli_verbs.run(words)
    except BrokenPipeError:
        return 141
    except ConnectionError as error:
        sys.stderr.write(f"error during connect: {error}\n")
        return 1
    except Failure as failure:
        sys.stderr.write(failure.text + "\n")
        return failure.code


if __name__ == "__main__":
    sys.modules["docker_cli"] = sys.modules["__main__"]  # the verbs import this very module, not a second one
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a thread may still wait for standard input
