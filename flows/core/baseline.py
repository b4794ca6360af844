"""What was true of a service when a change last made its containers: the reference that health compares with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from flows.core.installed import service
from flows.core.snapshot import DockerFacts, PbxFacts

MAKE_CONTAINERS = frozenset({"install", "upgrade", "recreate", "rollback"})
"""The kinds of change that make containers."""

VERSION = 1
"""Of the text. A newer one is refused: what it added is not known here."""


@dataclass(frozen=True)
class Baseline:
    """One record: `at` is UTC text, `containers` are ids, images are ids; "" is what could not be learned.

    `token` is a short hash of the Data Flow token, never the token.
    """

    at: str
    run: str
    link: str
    kind: str
    containers: tuple[str, ...]
    pbx_image: str
    clickhouse_image: str
    data_path: str
    server_uuid: str
    pbx_address: str
    pbx_version: str
    token: str

    def made(self, docker: DockerFacts) -> bool:
        """Whether the containers on its data path are still those that it was recorded for."""
        return {*self.containers} == {container.id for container in service(docker, self.data_path).containers}


def address(pbx: PbxFacts) -> str:
    """The PBX's own addresses as one text; "" when it told none."""
    return " ".join(filter(None, (pbx.private_address, pbx.public_address)))


def as_json(baseline: Baseline) -> str:
    """The text of the file on the control node."""
    return json.dumps({"version": VERSION, **asdict(baseline)}, ensure_ascii=False, indent=1)


def from_json(text: str) -> Baseline:
    """Read what `as_json` wrote; raises `ValueError` for anything else."""
    values = json.loads(text)
    names = {each.name for each in fields(Baseline)}
    if not isinstance(values, dict) or values.pop("version", None) != VERSION or values.keys() != names:
        raise ValueError("it is not a record of this version of the flows")
    return Baseline(**{**values, "containers": tuple(values["containers"])})
