"""Refuses the mask that the Prefect UI shows in the place of a secret, where it was saved as the secret itself.

The edit form of a block that holds others shows these as not chosen; saved like that, it puts copies in their place
whose secrets are the mask (tried with 3.8.8). At a PBX that is a wrong password, and five of those lock us out (P9).
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, field_validator


def _refuse(value: Any) -> Any:
    if isinstance(value, SecretStr) and (text := value.get_secret_value()) and not text.strip("*"):
        raise ValueError(
            "this is the mask that the UI shows, not the secret: the cluster's block was edited without choosing its "
            "parts anew. Open it once more, choose control node, server, PBX, Docker and ClickHouse again, and save"
        )
    return value


no_mask = field_validator("*")(_refuse)
"""To be set in a block's class: none of its secrets is the mask."""
