"""Finds secrets in whatever bytes, and gathers what runs leave in Prefect, in process lists and in logs."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


class Hunter:
    """Finds secrets in bytes: as they are, as JSON or a web address spells them, in hexadecimal, inside base64."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        assert all(len(secret) >= 12 for secret in secrets.values()), "a short one is found by chance"
        self._names = {spelled: name for name, secret in secrets.items() for spelled in _spellings(secret.encode())}

    def hits(self, places: Iterator[tuple[str, bytes]]) -> list[str]:
        """Which secret was found where; the secret itself is not told."""
        return sorted({f"{name} in {place}" for place, data in places for s, name in self._names.items() if s in data})


def _spellings(secret: bytes) -> set[bytes]:
    text = secret.decode()
    found = {secret, json.dumps(text)[1:-1].encode(), urllib.parse.quote(text, safe="").encode(), secret.hex().encode()}
    for shift in range(3):  # where in a group of three bytes it begins; characters that its neighbours decide are cut
        left, right = (0, 2, 3)[shift], (0, 3, 2)[(shift + len(secret)) % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text64 = encode(bytes(shift) + secret)
            found.add(text64[left : len(text64) - right])
    return found


class Processes:
    """Every argument list that was seen on this machine while it watched."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all processes a hundred times a second."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        looks: Counter[str] = Counter()
        while not self._over.wait(0.01):
            for entry in os.scandir("/proc"):
                looks[entry.name] += entry.name.isdigit()
                # Old ones too, as a shell may become its last command, but seldom: else this takes half a core.
                if 0 < looks[entry.name] < 100 or looks[entry.name] % 20 == 1:
                    with suppress(OSError):  # it has ended meanwhile
                        self.seen.add(Path(entry.path, "cmdline").read_bytes())


class Printed(logging.Handler):
    """Every record that any logger has, as it would be printed, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(self.format(record))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear all loggers that there are, also those that keep what they say to themselves."""
        every = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
        loud = [logger for logger in every if logger is logging.root or not logger.propagate]
        for logger in loud:
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger in loud:
                logger.removeHandler(self)


def prefect_files() -> Iterator[tuple[str, bytes]]:
    """Prefect's database with its journal, its stored results, and whatever else is in its home."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    url = settings.server.database.connection_url
    assert url is not None
    database = Path(url.get_secret_value().partition("///")[2])
    assert database.exists()
    for folder in (database.parent, settings.home):
        yield from files_of(folder, "Prefect's ")


def files_of(folder: Path, name: str, but: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Every file in the folder with what is in it, but those named."""
    walked = os.walk(folder)  # which passes over a folder that ClickHouse has just renamed, as rglob does not
    for file in (Path(place, each) for place, _, names in walked for each in names):
        shown = f"/{file.relative_to(folder)}"
        if file.is_file() and not file.is_symlink() and shown not in but:
            with suppress(FileNotFoundError):  # ClickHouse has just merged it away
                yield f"{name}{shown}", file.read_bytes()
