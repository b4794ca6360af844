"""Takes secrets out of text, by value and by what the vendor's script is known to print (promise P8).

The script prints the ClickHouse password and tokens (portsip.md 4.1, trap 7) and passes a registry password in an
argument; a password that it has just made up is known to nobody, so values alone are not enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PATTERNS = (
    r"(?i)((?:password|passwd|passphrase|secret|token|credential)s?\b[\"']?\s*[:=]?\s*)(?!for\b)[^\s:=.,)].*",
    r"(?i)(\bdocker\s+login\b.*?\s-p\s*=?\s*)\S+",
    r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9+/._=-]{8,}",
)
"""Regular expressions whose first group is kept and whose rest is replaced; also used on the control node."""

WORDS = ("passw", "passphrase", "secret", "token", "credential", "login", "bearer", "basic", *"\u0131\u0307\u017f")
"""A text that holds none of them in small letters holds nothing that a pattern finds; telling so is quick.

The last three stand for what a pattern takes for an i or an s: the i without a dot, the I with one, the long s.
"""

MASK = "***"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every given secret, longest first, and whatever stands behind a word such as `password`."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern in PATTERNS:
        text = re.sub(pattern, rf"\1{MASK}", text)
    return text
