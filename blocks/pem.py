"""Repairs PEM text: the password field of the Prefect UI turns line ends into spaces (prefect.md 1c)."""

from __future__ import annotations

import re
import textwrap

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)


def repair_pem(text: str) -> str:
    """Give every PEM section in `text` its line ends back; text without such a section is returned as it is.

    Old-style headers (`Proc-Type: 4,ENCRYPTED`) cannot be told from key material once flattened, so a
    section that has them is only left alone when its lines are intact.
    """
    if not _PEM.search(text):
        return text
    return "".join(_section(match) for match in _PEM.finditer(text))


def _section(match: re.Match[str]) -> str:
    label, body = match.groups()
    if ":" not in body:
        body = "\n".join(textwrap.wrap(re.sub(r"\s+", "", body), 64))
    return f"-----BEGIN {label}-----\n{body.strip()}\n-----END {label}-----\n"
