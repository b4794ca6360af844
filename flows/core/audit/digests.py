"""SHA-256 of what lies beside a record on the control node: snapshots of its change, the transcript of its script."""

from __future__ import annotations

import re
import shlex

PACKED = ".gz.b64"
"""How the files of snapshots end on the control node; their digest is that of the text inside."""

_LINE = re.compile(r"^([0-9a-f]{64})  -  (\S+)$", re.MULTILINE)


def digests_command(snapshots: str, transcript: str, name: str) -> str:
    """Prints a line for each file: those of the folder `snapshots` as `X.json`, and `transcript` under this name.

    Either place may be "" or absent: then there is nothing to tell of it.
    """
    folder, log = shlex.quote(f"{snapshots}/"), shlex.quote(transcript)
    return f"""
told() {{ printf '%s  %s\\n' "$(sha256sum)" "$1"; }}
if [ -f {log} ]; then told {shlex.quote(name)} < {log}; fi
for file in {folder}*{PACKED}; do
if [ -f "$file" ]; then base64 -d "$file" | gzip -dc | told "$(basename "$file" {PACKED}).json"; fi; done
"""


def parse_digests(answer: str) -> dict[str, str]:
    """File name -> SHA-256."""
    return {name: found for found, name in _LINE.findall(answer)}
