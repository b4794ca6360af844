"""Makes the block that fits a PBX stand-in."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

from blocks.errors import DataFlowError
from blocks.pbx import PbxApi
from tests.sandbox.pbx import Pbx


def block_for(pbx: Pbx, **settings: Any) -> PbxApi:
    """A block that signs in to this stand-in with its pinned certificate and pauses for no time."""
    known = {
        "host": "127.0.0.1",
        "port": pbx.port,
        "user": pbx.username,
        "password": pbx.password,
        "verification": "fingerprint",
        "fingerprint": pbx.fingerprint,
        "first_pause": 0,
    }
    return PbxApi(**{**known, **settings})


def patient(pbx: Pbx, sleep: Callable[[float], None], **settings: Any) -> PbxApi:
    """The same with pauses, that `sleep` sees instead of waiting."""
    block = block_for(pbx, **{"first_pause": 1, **settings})
    block._sleep = sleep
    return block


def everything_shown(error: DataFlowError) -> str:
    """All that a log or a report could show of an error: text, repr, fields, traceback with causes."""
    shown = [str(error), repr(error), json.dumps(vars(error), default=str)]
    return "\n".join([*shown, *traceback.format_exception(error)])
