"""When changes of a cluster may be made."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class MaintenanceWindow(BaseModel):
    """On which days, and from when to when, changes may be made; without a day: always."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    days: list[Day] = Field(
        default=[],
        title="Days",
        description="Days on which the window begins, e.g. Saturday. None: changes may be made at any time.",
    )
    start: str = Field(
        default="22:00", pattern=_CLOCK, title="Start", description="When it begins, by the clock there: HH:MM, 24 h."
    )
    end: str = Field(
        default="04:00",
        pattern=_CLOCK,
        title="End",
        description="When it ends, HH:MM. Not later than the start: on the next day.",
    )
    time_zone: str = Field(
        default="UTC", title="Time zone", description="Name of the place's time zone, e.g. Europe/Berlin or UTC."
    )

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # not found; no name of a zone; a folder of zones, as Europe
            raise ValueError(f"there is no time zone {name!r}; take a name as Europe/Berlin, or UTC") from None
        return name
