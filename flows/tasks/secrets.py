"""Every secret of blocks, to take them out of text."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, SecretStr


def secrets_of(*blocks: BaseModel) -> list[str]:
    """The values of every secret field, nested blocks included; multi-line ones also line by line."""
    found = {value for block in blocks for value in _walk(block) if value}
    return sorted(found | {line for value in found for line in value.splitlines() if len(line) > 15})


def _walk(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _walk(value)
