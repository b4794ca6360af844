"""The log of the vendor's script on the control node, as `job.py` writes and reads it; it lies beside job.py there."""

from __future__ import annotations

import codecs
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Tuple  # noqa: UP035 - must run on Python 3.8

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\-_])")
LINE_END = re.compile(r"\r*\n|\r(?!$)")
LONGEST_LINE = 8192
MOST_AT_ONCE = 65536


class Log:
    """The run's log: whole lines, redacted, without terminal colours.

    In a text that holds none of `words` in small letters no pattern finds anything.
    """

    def __init__(self, path: Path, patterns: list[str], words: list[str], secrets: list[str]) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._patterns, self._words = [re.compile(pattern) for pattern in patterns], words
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take what the terminal gave; complete lines are written by the next flush."""
        text = (self._rest + self._decode(data)).replace("\r\n", "\n")
        # The script waits while its terminal is full: searched line by line, a million lines took four times as long.
        plain = self._is_plain(text)
        *lines, rest = text.split("\n") if plain else LINE_END.split(text)
        # Longer than what is shown of a line, so that the cut does not leave the half of a secret in sight.
        self._rest = rest[: 2 * LONGEST_LINE]
        with suppress(OSError):  # a full disk costs lines of the log, never the script
            self._file.write("".join((line[:LONGEST_LINE] if plain else self._clean(line)) + "\n" for line in lines))

    def flush(self) -> None:
        """Let readers see the lines that are complete."""
        with suppress(OSError):
            self._file.flush()

    def prompt(self) -> str:
        """The unfinished last line: what the script may be asking."""
        return self._clean(self._rest).strip()

    def end(self) -> None:
        """Write what is left."""
        if self._rest:
            self.feed(b"\n")
        self.flush()

    def _is_plain(self, text: str) -> bool:
        """Whether nothing is to be taken out of it, as far as that can be told quickly."""
        if "\r" in text or "\x1b" in text:
            return False
        small = text.lower()
        return not any(word in small for word in self._words) and not any(secret in text for secret in self._secrets)

    def _clean(self, line: str) -> str:
        line = ESCAPES.sub("", line)
        if not self._is_plain(line):
            for secret in self._secrets:
                line = line.replace(secret, "***")
            for pattern in self._patterns:
                line = pattern.sub(r"\1***", line)
        return line[:LONGEST_LINE]


def read_log(path: Path, position: int, whole: bool) -> Tuple[str, int]:  # noqa: UP006
    """The lines from byte `position` on and where they end; of a log that is not read whole, only the last of them."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = file.seek(position if whole else max(position, size - MOST_AT_ONCE))
            text = file.read(MOST_AT_ONCE)
    except FileNotFoundError:
        return "", position
    text = text[: text.rfind(b"\n") + 1]
    said = text if whole else text[text.rfind(b"\n", 0, -1) + 1 :]
    return said.decode("utf-8", "replace"), begin + len(text)
