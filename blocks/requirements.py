"""The figures of the vendor's guide, as settings that a cluster may change openly."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SizeRequirements(BaseModel):
    """What the guide asks of machines, as data: a lab may lower a figure, and every report shows that it did."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    vcpu: int = Field(
        default=4,
        ge=1,
        title="vCPU",
        description="Least number of CPU cores of the server; the guide asks for 4.",
    )
    memory_gib: float = Field(
        default=16,
        gt=0,
        title="Memory (GiB)",
        description="Least memory of the server; the guide asks for 16.",
    )
    recommended_vcpu: int = Field(
        default=8,
        ge=1,
        title="Recommended vCPU",
        description="Below this the report warns; the guide recommends 8.",
    )
    recommended_memory_gib: float = Field(
        default=32,
        gt=0,
        title="Recommended memory (GiB)",
        description="Below this the report warns; the guide recommends 32, and 4 for each vCPU of a large site.",
    )
    system_disk_gib: float = Field(
        default=64,
        gt=0,
        title="System disk (GiB)",
        description="Least size of the system volume; the guide asks for 64.",
    )
    data_disk_gib: float = Field(
        default=256,
        gt=0,
        title="Data disk (GiB)",
        description="Least size of the data volume; the guide asks for 256.",
    )
    os_id: str = Field(
        default="ubuntu", title="System", description="Linux distribution as /etc/os-release spells its ID."
    )
    os_versions: list[str] = Field(
        default=["24.04"],
        title="System versions",
        description="Versions that are supported; the guide names Ubuntu 24.04.",
    )
    architectures: list[str] = Field(
        default=["x86_64"],
        title="Architectures",
        description="Machine types that are supported; the guide asks for 64 bit.",
    )
    pbx_version: str = Field(
        default="22.3.0", title="PBX version", description="Oldest PBX release that has a Data Flow service."
    )
    clock_skew: float = Field(
        default=5,
        gt=0,
        title="Clock skew (s)",
        description="Most seconds that two machines of the cluster may differ.",
    )
    package_list_age: float = Field(
        default=7,
        gt=0,
        title="Age of package lists (days)",
        description="Older lists cannot tell whether updates wait.",
    )
    source: str = Field(
        default="Scaling Data Flow Server On-Premise, revision of 2025-12-22",
        title="Source",
        description="Where these figures come from; change it when you change one, the report quotes it.",
    )
