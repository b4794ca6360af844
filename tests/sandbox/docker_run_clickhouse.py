"""Becomes a ClickHouse server: loads the engine's library and calls the server's main function in it.

Started as `python -S -E -I docker_run_clickhouse.py LIBRARY CONFIG` with a pipe as standard input that its
parent holds open: when the parent is gone, however it died, the server ends too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

SERVER_MAIN = "_Z25mainEntryClickHouseServeriPPc"


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


if __name__ == "__main__":
    # The server runs beside the main thread, which has to be free to take a signal until the server takes them.
    signal.signal(signal.SIGTERM, repeat_early_stop)
    threading.stack_size(16 * 1024 * 1024)
    threading.Thread(target=serve, args=(sys.argv[1], sys.argv[2])).start()
    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        signal.pause()
