"""The fields of every block as saved in tests/data/block-schemas.json: what the blocks of our users are made of.

`python -m tests.blocks.block_schemas` renews the file after a field was added. It refuses what would break blocks
that are saved already: a field removed, renamed or of another type, or a new one that has to be filled in.
"""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from blocks.clickhouse import ClickHouse
from blocks.cluster import DataFlowCluster
from blocks.docker_host import DockerHost
from blocks.pbx import PbxApi
from blocks.ssh import SshHost

BLOCKS = (SshHost, PbxApi, DockerHost, ClickHouse, DataFlowCluster)
FILE = Path(__file__).parents[1] / "data" / "block-schemas.json"
RENEW = "python -m tests.blocks.block_schemas"

Schemas = dict[str, dict[str, dict[str, Any]]]


def models() -> Iterator[type[BaseModel]]:
    """Every block, and every model that is a part of one."""
    found: list[type[BaseModel]] = list(BLOCKS)
    for model in found:
        for field in model.model_fields.values():
            for kind in (field.annotation, *typing.get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
                    found.append(kind)
    yield from found


def is_secret(annotation: Any) -> bool:
    """Whether a field of this type holds a secret, by itself or inside."""
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return True
    return "Secret" in str(annotation)


def schemas() -> Schemas:
    """Type and default of every field; `required` stands where there is no default."""
    return {model.__name__: _fields(model) for model in models()}


def _fields(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        told = {"type": kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)}
        if field.is_required():
            found[name] = {**told, "required": True}
        else:
            default = field.get_default(call_default_factory=True)
            value = default.get_secret_value() if isinstance(default, SecretStr) else default
            found[name] = {**told, "default": value.model_dump() if isinstance(value, BaseModel) else value}
    return found


def breaking(saved: Schemas, now: Schemas) -> list[str]:
    """What a block that somebody saved with the old fields would break at."""
    found = []
    for model, fields in saved.items():
        present = now.get(model, {})
        for name, old in fields.items():
            if name not in present:
                found.append(f"{model}.{name} is gone: saved blocks have it, and unknown fields are refused")
            elif present[name]["type"] != old["type"]:
                found.append(f"{model}.{name} was {old['type']} and is {present[name]['type']}")
        new = present.keys() - fields.keys()
        required = [name for name in present if present[name].get("required")]
        found += [f"{model}.{name} is new and required: give it a default" for name in required if name in new]
        found += [
            f"{model}.{name} has lost its default"
            for name in required
            if name not in new and not fields[name].get("required")
        ]
    return found


def main() -> int:
    """Write the file anew, unless that would break saved blocks."""
    now = schemas()
    trouble = breaking(json.loads(FILE.read_text()), now) if FILE.exists() else []
    if trouble:
        print("Refused:", *trouble, sep="\n  ", file=sys.stderr)
        return 1
    FILE.write_text(json.dumps(now, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
