#!/usr/bin/python3
"""`/usr/local/bin/dataflow` of the PBX image: `serve -D FOLDER -a PBX -x PRIVATE [-z PUBLIC]`, or `initdt`.

What only the PBX knows (the token, how much history it has, whether calls go on) it asks the PBX's message bus.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Any

HERE = "/usr/local/lib/dataflow"
BUS = 4222


def ask_bus(address: str) -> dict[str, Any]:
    """What the PBX tells this server; asked again until it answers."""
    while True:
        try:
            with socket.create_connection((address, BUS), 5) as connection, connection.makefile("rb") as answer:
                connection.sendall(b"DATAFLOW\n")
                said: dict[str, Any] = json.loads(answer.readline())
                return said
        except (OSError, ValueError) as error:
            print(f"waiting for the PBX's message bus: {error}", flush=True)
            time.sleep(0.3)


def main(words: list[str]) -> None:
    """Put the task together, hand it over by a pipe, and become the program."""
    mode, options = words[0], dict(zip(words[1::2], words[2::2], strict=False))
    pbx = options.get("-a", "")
    until = int(time.time()) // 86400 * 86400
    task: dict[str, Any] = {"rows": 0, "days": 200, "until": until, "token": "", "live": None, "pbx_url": ""}
    if mode == "serve":
        task |= ask_bus(pbx) | {"pbx_url": f"https://{pbx}:8887"}
    task |= {
        "mode": mode,
        "sql": f"{HERE}/call_records.sql",
        "folder": options.get("-D", "/var/lib/portsip/dataflow"),
        "password": os.environ.get("CLICKHOUSE_PASSWORD", ""),
        "clickhouse_port": 8123,
        "private_ipv4": options.get("-x", ""),
        "public_ipv4": options.get("-z", ""),
        "ready": "/tmp/ready",
    }
    inside, outside = os.pipe()
    os.write(outside, json.dumps(task).encode() + b"\n")
    os.dup2(inside, 0)
    os.set_inheritable(outside, True)  # open as long as this process lives: its end would mean that the parent is gone
    program = f"{HERE}/docker_run_dataflow.py"
    os.execv("/usr/bin/python3", ["dataflow", "-S", "-E", "-I", program])


if __name__ == "__main__":
    main(sys.argv[1:])
