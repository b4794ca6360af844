"""What an administrator wishes for: the settings of one cluster, as plain values that rules can judge by."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.core.numbers import WHITELIST_LEAST_DAYS
from flows.core.snapshot import Snapshot
from flows.core.window import Window


@dataclass(frozen=True)
class Requirements:
    """The figures that the guide asks for; they have no defaults here, the block describes and dates them.

    Sizes are GiB as the guide prints them; the rules allow for how disks and memory are sold.
    """

    vcpu: int
    memory_gib: float
    recommended_vcpu: int
    recommended_memory_gib: float
    system_disk_gib: float
    data_disk_gib: float
    os_id: str
    os_versions: tuple[str, ...]
    architectures: tuple[str, ...]
    pbx_version: str
    clock_skew: float  # seconds between any two of worker, control and server
    package_list_age: float  # days
    source: str  # where the figures come from: "the guide of December 2025"


@dataclass(frozen=True)
class Wish:
    """What this run should reach on the server, and what it needs there."""

    data_path: str
    private_address: str
    public_address: str
    pbx_image: str  # "": pbx_image of the control node's vars.yml
    clickhouse_image: str  # "": what the script takes by itself
    user: str
    pbx_address: str
    pbx_ports: tuple[int, ...]
    calls_per_day: int  # 0: not said
    retention_days: int
    bytes_per_call: int
    image_bytes: int  # room needed where Docker unpacks images
    script_folder: str
    script_name: str
    whitelist_days: int  # how far away the end of a whitelist entry must be
    data_device: str  # "": any; else the device expected under the data path
    token_by_hand: bool
    requirements: Requirements
    now: float  # seconds since 1970, UTC
    new_token: bool = False
    run: str = ""  # id of the run that wishes it
    cluster: str = ""  # name of the cluster's block
    verb: str = ""  # of the vendor's script: start, stop, restart, rm; "": run
    confirm: str = ""  # the cluster's name, as it was typed to confirm
    keep_days: int = 0  # restore points older than this go after a success; 0: none
    rows_since: str = ""  # what was written since the restore point, in words
    restore_point: str = ""  # id of the one to roll back to; "": that of the unfinished change, else the newest
    window: Window = field(default_factory=Window)  # when changes may be made
    require_rehearsal: int = 0  # days that a rehearsal of the wished ClickHouse may be old; 0: none is asked for


def pbx_image(snapshot: Snapshot, wish: Wish) -> str:
    """The PBX image to install: the wished one, else `pbx_image` of `vars.yml`; "" when neither is known."""
    return wish.pbx_image or (snapshot.script.variables or {}).get("pbx_image", "").strip()


def unconfirmed(wish: Wish, doing: str) -> str | None:
    """What is wrong while the cluster's name was not typed; `doing` begins the sentence."""
    if wish.cluster and wish.confirm == wish.cluster:
        return None
    return f"{doing}, the name {wish.cluster!r} has to be typed; it was {wish.confirm!r}"


def whitelist_addresses(wish: Wish) -> tuple[str, ...]:
    """The server's addresses that the PBX has to let through, without doubles."""
    return tuple(dict.fromkeys(a for a in (wish.private_address, wish.public_address) if a))


def whitelist_until(wish: Wish) -> float:
    """Until when a whitelist entry has to last to be left alone: a year, or half of the wished time if less.

    An entry that we made lasts the whole time on its first day only; asking for the whole time would add a
    new one on every later run.
    """
    return wish.now + min(wish.whitelist_days / 2, WHITELIST_LEAST_DAYS) * 86400


def target(snapshot: Snapshot, wish: Wish) -> str:
    """What a change aims at, in one line: address, data path, images."""
    return f"{','.join(whitelist_addresses(wish))}:{wish.data_path} {pbx_image(snapshot, wish)} {wish.clickhouse_image}"
