"""Takes out of foreign text what must not be passed on: secrets, public addresses, mail addresses, phone numbers.

Private addresses stay readable: without them nobody can tell a wrong address from a right one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from flows.core.redact import redact

_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)|(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])"
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Runs of digits as people dial them; not parts of a hash, a key, a time, an address or a version.
_PHONE = re.compile(
    r"(?<![\w.:/+=-])(?:\+\d(?:[ ()-]?\d){6,14}|\(?0\d{1,5}\)?[ /-]?\d[\d -]{4,12}\d|\d{7,15})(?![\w.:/+=-])"
)
_BY = re.compile(r"(\b(?:by|user|from) )(?!root\b|hacluster\b)[\w.@-]+(?= (?:via|on|at)\b)")
_PLAIN = re.compile(
    r"-{1,2}[A-Za-z][\w-]{0,20}|[a-z][a-z_.-]{0,20}|/[\w./-]{0,120}|https?://(?:localhost|127\.0\.0\.1)[\w:/.-]*"
)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Foreign text as it may be shown."""
    return readable(redact(text, secrets))


def readable(text: str) -> str:
    """A text of ours that repeats foreign words, such as an error: secrets are out of it, words like password stay."""
    text = _MAIL.sub("<mail>", text)
    text = _ADDRESS.sub(lambda found: shown(found.group()), text)
    text = _BY.sub(r"\1<name>", text)
    return _PHONE.sub("<number>", text)


def shown(address: str) -> str:
    """An address as it may be shown: a private one as it is, any other as `<public address>`."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address  # a time such as 12:30:00, or a version
    return address if found.is_private or found.is_loopback or found.is_unspecified else "<public address>"


def command_line(words: Sequence[str]) -> str:
    """A program's words as they may be shown: options, paths and plain words; anything else could be a secret."""
    return " ".join(_command_word(part) for word in words for part in word.split())


def _command_word(word: str) -> str:
    try:
        ipaddress.ip_address(word)
        return shown(word)
    except ValueError:
        plain = _PLAIN.fullmatch(word) and (word.startswith("http") or not re.search(r"\d{4}", word))
        return word if plain else "…"
