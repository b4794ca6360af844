"""Writes a first contact into a file of the worker, readable by its account only, until somebody decides to send it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from prefect.settings import PREFECT_HOME


def contact_file(chosen: str, made: float) -> Path:
    """Where the file of this time (seconds since 1970) goes; `chosen` empty means first-contacts in Prefect's home."""
    above = Path(chosen).expanduser() if chosen else PREFECT_HOME.value() / "first-contacts"
    return above / f"first-contact-{datetime.fromtimestamp(made, UTC):%Y-%m-%dT%H%M%S.%fZ}.md"


def write_contact(place: Path, text: str) -> str:
    """Write it, never over another one; returns what went wrong, for the page itself is kept by Prefect too."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        return f"the file {place} could not be written: {error.strerror or error}"
    return ""
