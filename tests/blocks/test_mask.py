"""The mask that the UI shows is never taken for a secret, nor sent anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from tests.blocks.block_schemas import BLOCKS

NEEDED = {"host": "192.0.2.1", "user": "admin", "password": SecretStr("x")}
SECRETS = [
    (block, field) for block in BLOCKS for field, told in block.model_fields.items() if told.annotation is SecretStr
]


@pytest.mark.parametrize(("block", "field"), SECRETS, ids=lambda value: getattr(value, "__name__", value))
def test_a_secret_that_is_the_mask_is_refused(block: Any, field: str) -> None:
    """With what to do; every secret of every block, and a real one passes."""
    needed = {name: value for name, value in NEEDED.items() if name in block.model_fields}
    with pytest.raises(ValidationError, match="choose control node, server, PBX"):
        block(**{**needed, field: SecretStr("********")})
    assert getattr(block(**{**needed, field: SecretStr("*real*")}), field) == SecretStr("*real*")
