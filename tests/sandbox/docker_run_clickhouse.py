"""Becomes a ClickHouse server: loads the engine's library and calls the server's main function in it.

Started as `python -S -E -I docker_run_clickhouse.py LIBRARY CONFIG` with a pipe as standard input that its
parent holds open: when the parent is gone, however it died, the server ends too.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

SERVER_MAIN = "_Z25mainEntryClickHouseServeriPPc"
STUCK = 10.0
"""Seconds without a moment of CPU after which a server that does not listen yet is held to be stuck for good."""
LOOKS = 20


def end_with_parent() -> None:
    """Wait until the parent's end of the pipe closes, then end as `docker stop` would, at last by force."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(10)
    os.kill(os.getpid(), signal.SIGKILL)


def repeat_early_stop(*_: object) -> None:
    """Send SIGTERM again while it still arrives in Python: the server has its own way to end once it is up."""
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()


def open_library(path: str) -> ctypes.CDLL:
    """Load the library lazily: it names functions of Python that another Python version may not have."""
    loader = ctypes.CDLL(None)
    loader.dlopen.restype = ctypes.c_void_p
    loader.dlerror.restype = ctypes.c_char_p
    handle = loader.dlopen(path.encode(), os.RTLD_LAZY | os.RTLD_GLOBAL)
    if not handle:
        sys.exit(f"cannot load {path}: {(loader.dlerror() or b'').decode()}")
    return ctypes.CDLL(path, handle=handle)


def serve(library: str, config: str) -> None:
    """Run the server until it ends; the exit code is ClickHouse's own."""
    server = open_library(library)[SERVER_MAIN]
    words = [b"clickhouse-server", f"--config-file={config}".encode()]
    code = int(server(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None)))
    os._exit(code)  # the engine's own threads must not meet Python's tidying up


def begin_anew_when_stuck(server: threading.Thread, port: int) -> None:
    """Until the server listens, watch that its thread runs now and then; else replace this process by a new one.

    Once in some 500 starts (5 in 2,426, on two busy cores) the engine of chdb 3.7.2 waits for ever: while other threads
    load tables, its main thread wants the lock of an object that is freed (`UserDefinedSQLObjectsStorageBase`).
    """
    ran, still = "", 0
    while server.is_alive() and not listens(port):
        time.sleep(STUCK / LOOKS)
        before, ran = ran, Path(f"/proc/self/task/{server.native_id}/schedstat").read_text()
        still = still + 1 if ran == before else 0  # looks, not seconds: they stand still with us when we are stopped
        if still == LOOKS:
            print(f"The engine is stuck at its start, no CPU for {STUCK:g} s: beginning anew.", flush=True)
            os.closerange(3, 4096)  # its lock of the data folder goes with them
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def listens(port: int) -> bool:
    """Whether somebody listens on this port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(library: str, config: str) -> None:
    """Run the server beside the main thread, which has to be free to take a signal until the server takes them."""
    signal.signal(signal.SIGTERM, repeat_early_stop)
    threading.stack_size(16 * 1024 * 1024)
    server = threading.Thread(target=serve, args=(library, config))
    server.start()
    found = re.search(r"<http_port>(\d+)<", Path(config).read_text())
    assert found, "the configuration names no port"
    threading.Thread(target=begin_anew_when_stuck, args=(server, int(found[1])), daemon=True).start()
    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
