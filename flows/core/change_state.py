"""One change as its folder on the control node remembers it: what it aims at, how far it came, how it ended.

It outlives the runs that carry the change out, so every field is a plain value and the text of it is versioned: a
reader accepts what older versions left out, and refuses clearly what only a newer one could have written.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal, Self, TypeVar

VERSION = 1
"""Of the text. A newer one is refused: what it added might be what must not be overlooked."""


class Phase(StrEnum):
    """How far a change came; each phase includes the ones before it."""

    PREPARING = "preparing"
    QUIET = "quiet"
    STOPPING = "stopping"
    STOPPED = "stopped"
    KEPT = "kept"
    SCRIPT = "script"
    STARTED = "started"
    VERIFIED = "verified"
    CLOSED = "closed"

    def reached(self, other: Phase) -> bool:
        """Whether a change in this phase came at least as far as the other one."""
        order = list(Phase)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Image:
    """An image of the service: the reference it is asked for by, its id, its repository digest and its version.

    The digest is `repository@sha256:...`; "" for an image that was never pulled from a registry.
    """

    reference: str
    id: str
    digest: str
    version: str

    @property
    def pinned(self) -> str:
        """The name that means this very image: by digest, else by id, else the reference as it was given."""
        return self.digest or self.id or self.reference


@dataclass(frozen=True)
class Images:
    """The two images that the service runs with."""

    pbx: Image
    clickhouse: Image

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """What `dataclasses.asdict` made of it. Raises `ValueError` when that is something else."""
        return cls(_filled(Image, values.get("pbx")), _filled(Image, values.get("clickhouse")))


@dataclass(frozen=True)
class ChangeState:
    """One change. `down_since` and `up_at` are seconds since 1970, `started` is UTC text; "" and None: not known.

    `runs` are the flow runs that worked at it, the first one first; `recorded` are the saved parameters of the
    script, without secrets; `old` and `new` are the images before it and the wanted ones; `error` is the first one.
    """

    id: str
    kind: str
    cluster: str
    target: str
    phase: Phase = Phase.PREPARING
    runs: tuple[str, ...] = ()
    started: str = ""
    requested_by: str = ""
    ticket: str = ""
    reason: str = ""
    recorded: dict[str, str] = field(default_factory=dict)
    old: Images | None = None
    new: Images | None = None
    restore_point: str = ""
    down_since: float | None = None
    up_at: float | None = None
    on_failure: Literal["recover", "stop"] = "recover"
    error: str = ""
    verdict: str = ""
    note: str = ""


T = TypeVar("T", Image, ChangeState)


def as_json(state: ChangeState) -> str:
    """The text of the state's file."""
    return json.dumps({"version": VERSION, **asdict(state)}, ensure_ascii=False, indent=1)


def from_json(text: str) -> ChangeState:
    """Read what `as_json` of this or an older version wrote.

    Raises `ValueError`, in words for a person, for anything else.
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("it is not the state of a change")
    version = values.pop("version", VERSION)
    unknown = sorted(values.keys() - {each.name for each in fields(ChangeState)})
    if version != VERSION or unknown:
        also = f", with {', '.join(unknown)}" if unknown else ""
        raise ValueError(f"a newer version of these flows wrote it (format {version}{also}): update this worker")
    if values.get("on_failure", "recover") not in ("recover", "stop"):
        raise ValueError(f"on_failure is {values['on_failure']!r}, which is neither recover nor stop")
    for name in ("old", "new"):
        values[name] = Images.from_values(values[name]) if values.get(name) else None
    values["phase"] = Phase(values.get("phase", Phase.PREPARING))
    values["runs"] = tuple(values.get("runs", ()))
    return _filled(ChangeState, values)


def _filled(kind: type[T], values: Any) -> T:
    """The dataclass from these values; names the field that is missing or too much."""
    if not isinstance(values, dict):
        raise ValueError(f"there is no {kind.__name__} in it")
    known = fields(kind)
    needed = {each.name for each in known if each.default is MISSING and each.default_factory is MISSING}
    wrong = (needed - values.keys()) | (values.keys() - {each.name for each in known})
    if wrong:
        raise ValueError(f"{kind.__name__} has missing or unknown fields: {', '.join(sorted(wrong))}")
    return kind(**values)
