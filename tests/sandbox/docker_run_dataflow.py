"""Becomes the Data Flow program, as far as the sandbox needs it: `initdt` makes tables, `serve` fills them.

Started as `python -S -E -I docker_run_dataflow.py` with a pipe as standard input: the first line tells in
JSON what to do (nothing secret stands in the argument list), the pipe's end means that the parent is gone.
"""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any


class Refused(Exception):
    """ClickHouse or the PBX answered, but not with yes."""


def password_of(task: dict[str, Any]) -> str:
    """The ClickHouse password as the product keeps it: in `[dataflow]` of system.ini, made when missing."""
    file = Path(task["folder"]) / "system.ini"
    if not file.exists() and task["password"]:
        file.write_text(f"[dataflow]\npassword = {task['password']}\n")
        file.chmod(0o600)
    ini = configparser.ConfigParser(strict=False, interpolation=None)
    if file.exists():
        ini.read_string(file.read_text())
    return ini.get("dataflow", "password", fallback="")


def ask(task: dict[str, Any], sql: str, settings: dict[str, object] | None = None, **parameters: object) -> str:
    """Run one statement on the ClickHouse of this host."""
    named = {f"param_{k}": v for k, v in parameters.items()}
    query = urllib.parse.urlencode({"wait_end_of_query": 1, **named, **(settings or {})})
    connection = http.client.HTTPConnection("127.0.0.1", task["clickhouse_port"], timeout=300)
    try:
        headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": password_of(task)}
        connection.request("POST", f"/?{query}", sql.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").strip()
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(f"ClickHouse says {answer.status}: {text[:300]}")
    return text


def until_it_works(what: str, action: Any) -> Any:
    """Try again for ever, as a service does that waits for its neighbours."""
    last = ""
    while True:
        try:
            return action()
        except (OSError, http.client.HTTPException, Refused) as error:
            if str(error) != last:
                last = str(error)
                print(f"{what}: {last}", flush=True)
            time.sleep(0.1 if isinstance(error, OSError) else 1)


def statements(task: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The schema and the history of call_records.sql."""
    parts = Path(task["sql"]).read_text().split("\n-- history\n")
    schema, history = ([s.strip() for s in re.split(r";\s*\n", part) if s.strip()] for part in parts)
    return schema, history


def make_tables(task: dict[str, Any]) -> None:
    """What `initdt` does: create what is missing, touch nothing that is there."""
    for sql in statements(task)[0]:
        ask(task, sql)
    print("schema is up to date", flush=True)


def import_history(task: dict[str, Any]) -> None:
    """Fetch the PBX's call history into tables that are still empty."""
    for sql in statements(task)[1]:
        table = re.findall(r"INSERT INTO (\w+)", sql)[0]
        if ask(task, f"SELECT count() FROM {table}") == "0":
            ask(task, sql, rows=task["rows"], days=task["days"], until=task["until"])
            print(f"imported the history of {table}", flush=True)


def register(task: dict[str, Any]) -> None:
    """Tell the PBX that this server is there, with the token that was made for it."""
    url = urllib.parse.urlsplit(task["pbx_url"])
    # The PBX's own certificate is self-signed; the product does not check it either.
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(url.hostname or "", url.port or 443, timeout=10, context=trust)
    try:
        body = json.dumps({key: task[key] for key in ("token", "private_ipv4", "public_ipv4")})
        path = url.path.rstrip("/").removesuffix("/api") + "/api/dataflow/register"
        connection.request("POST", path, body.encode(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status not in (200, 201, 204):
        raise Refused(f"the PBX says {answer.status} to the registration")
    print("registered with the PBX", flush=True)


def serve(task: dict[str, Any]) -> None:
    """What `serve` does: wait for ClickHouse, import the history once, register, then live (and perhaps write)."""
    until_it_works("waiting for ClickHouse", lambda: ask(task, "SELECT 1"))
    until_it_works("schema", lambda: make_tables(task))
    until_it_works("import", lambda: import_history(task))
    Path(task["ready"]).touch()
    if task["pbx_url"]:
        until_it_works("registration", lambda: register(task))
    if task["live"]:
        write_live(task)
    threading.Event().wait()


def write_live(task: dict[str, Any]) -> None:
    """Insert call records as they come, until somebody stops it."""
    sys.path.insert(0, __file__.rpartition("/")[0])  # Python runs isolated here
    from docker_run_live import LiveWriter  # type: ignore[import-not-found]

    LiveWriter(task["live"], lambda sql, **settings: ask(task, sql, settings), Refused).run()


def end_with_parent() -> None:
    """Wait until the parent's end of the pipe closes, then be gone."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def main() -> int:
    """Read the task and do it."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    line = b""
    while not line.endswith(b"\n"):
        if not (piece := os.read(0, 65536)):
            os._exit(0)  # the parent is gone
        line += piece
    task = json.loads(line)
    threading.Thread(target=end_with_parent, daemon=True).start()
    if task["mode"] == "serve":
        serve(task)
    try:
        make_tables(task)
    except (OSError, http.client.HTTPException, Refused) as error:
        print(f"initdt failed: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
