"""Python loads this first where files shall belong to another user: a host of the sandbox has only one."""

from __future__ import annotations

import os


def keep_owner(*_: object, **__: object) -> None:
    """Leave the file to whom it belongs."""


os.chown = keep_owner
