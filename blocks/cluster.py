"""The one block that a flow loads: a PBX High-Availability cluster and its Data Flow server."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import BaseModel, ConfigDict, Field

from blocks.clickhouse import ClickHouse
from blocks.docker_host import DockerHost
from blocks.maintenance_window import MaintenanceWindow
from blocks.pbx import PbxApi
from blocks.requirements import SizeRequirements
from blocks.ssh import SshHost


class PbxNode(BaseModel):
    """A PBX node besides `pbx01`, reached through it with the same account."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    address: str = Field(title="Address", description="Private IP address of the node, as pbx01 reaches it.")
    host_key: str = Field(
        default="",
        title="Host key",
        description="Pinned host key of the node: 'ssh-ed25519 AAAA…' or 'SHA256:…'.",
    )
    port: int = Field(default=22, ge=1, le=65535, title="SSH port", description="Port of the node's SSH server.")


class DataFlowCluster(Block):
    """A PortSIP PBX HA cluster with its Data Flow server: everything a flow has to know, secrets included.

    When you edit it, choose its five parts anew: the form shows them as not chosen, and would save masked copies.

    Example:
        Load a saved cluster:
        ```python
        from blocks.cluster import DataFlowCluster

        cluster = DataFlowCluster.load("BLOCK_NAME")
        ```
    """

    _block_type_name = "Data Flow Cluster"
    _block_type_slug = "data-flow-cluster"
    _logo_url = "https://raw.githubusercontent.com/PrefectHQ/prefect/main/docs/logos/prefect-logo-mark-gradient.png"  # type: ignore[assignment]
    _documentation_url = "https://www.portsip.com/docs/"  # type: ignore[assignment]
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(
        title="Cluster name", description="Name of the cluster in run names, reports and messages, e.g. prod-eu."
    )
    control: SshHost = Field(
        title="Control node",
        description="Sign-in to pbx01, where the vendor's script runs, whichever node is active.",
    )
    server: SshHost = Field(title="Data Flow server", description="Sign-in to the Data Flow server.")
    pbx: PbxApi = Field(title="PBX", description="The PBX's REST API at the virtual IP, as a System Administrator.")
    docker: DockerHost = Field(
        title="Docker", description="The Docker engine of the Data Flow server and its registry."
    )
    clickhouse: ClickHouse = Field(title="ClickHouse", description="The ClickHouse server of the Data Flow service.")

    script_folder: str = Field(
        default="/opt/portsip-pbx-ha-guide",
        title="Script folder",
        description="Folder on pbx01 that holds the vendor's HA scripts.",
    )
    script_name: str = Field(
        default="dataflow.sh",
        title="Script",
        description="File name of the vendor's Data Flow script in that folder.",
    )
    data_path: str = Field(
        default="/var/lib/portsip",
        pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$",
        title="Data path (-p)",
        description="Folder on the server for Data Flow and ClickHouse data. Never change it once installed: "
        "another path is an empty database.",
    )
    private_address: str = Field(
        default="",
        title="Private address (-a)",
        description="Static private IP address of the server, e.g. 192.168.1.26.",
    )
    public_address: str = Field(
        default="",
        title="Public address (-A)",
        description="Static public IP address, only where there is no private one.",
    )
    pbx_image: str = Field(
        default="",
        title="PBX image (-i)",
        description="PortSIP PBX Docker image; empty takes pbx_image of the cluster's res/vars.yml.",
    )
    clickhouse_image: str = Field(
        default="portsip/clickhouse:25.8",
        title="ClickHouse image (-d)",
        description="ClickHouse Docker image; the guide names portsip/clickhouse:25.8.",
    )
    nodes: list[PbxNode] = Field(
        default_factory=list,
        title="Other PBX nodes",
        description="pbx02, pbx03, … with their pinned host keys; the first look proposes those of res/vars.yml.",
    )
    pbx_address: str = Field(
        default="",
        title="PBX address for the server",
        description="Where the Data Flow server reaches the PBX (the virtual IP); empty takes the PBX's host.",
    )
    pbx_ports: list[int] = Field(
        default=[8887, 4222],
        title="PBX ports",
        description="TCP ports of the PBX that the server must reach: 8887 is the REST API, 4222 the message bus.",
    )
    whitelist_days: int = Field(
        default=3650,
        ge=1,
        le=36500,
        title="Whitelist expiry (days)",
        description="How far in the future a new whitelist entry ends, 1 to 36500; the guide wants a long time.",
    )
    calls_per_day: int = Field(
        default=0,
        ge=0,
        title="Calls per day",
        description="Expected calls per day, to check the disk; 0 leaves that out.",
    )
    retention_days: int = Field(
        default=730,
        ge=1,
        title="Retention (days)",
        description="How many days of call records are kept on the disk.",
    )
    bytes_per_call: int = Field(
        default=1000,
        ge=1,
        title="Disk per call (bytes)",
        description="Assumed disk space of one call; replace it by what your own cluster shows.",
    )
    image_gib: float = Field(
        default=10,
        gt=0,
        title="Room for images (GiB)",
        description="Free space wanted where Docker unpacks images, for old and new ones side by side.",
    )
    data_device: str = Field(
        default="",
        title="Data device",
        description="Device wanted under the data path, e.g. /dev/sdb1: notices an unmounted disk; empty accepts any.",
    )
    script_timeout: float = Field(
        default=3600,
        gt=0,
        title="Script time-out (s)",
        description="After this many seconds we stop waiting for the script; the script itself is never stopped.",
    )
    silence_timeout: float = Field(
        default=900,
        gt=0,
        title="Silence time-out (s)",
        description="After this many seconds without a line from the script we stop waiting; it is never stopped.",
    )
    settle_timeout: float = Field(
        default=600,
        gt=0,
        title="Settle time-out (s)",
        description="How many seconds the service may take after the script's end until it is seen healthy twice.",
    )
    settle_pause: float = Field(
        default=10,
        ge=0,
        title="Settle pause (s)",
        description="Seconds between the two looks that must both be healthy.",
    )
    requirements: SizeRequirements = Field(
        default_factory=SizeRequirements,
        title="Requirements",
        description="Sizes and systems that the guide asks for; lower them only for a lab.",
    )
    maintenance_window: MaintenanceWindow = Field(
        default_factory=MaintenanceWindow,
        title="Maintenance window",
        description="When changes may be made; a start of a stopped service is allowed at any time.",
    )
