"""The blocks that point at a cluster in a box: what an administrator would fill in for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from prefect.blocks.core import Block
from pydantic import SecretStr

from blocks.clickhouse import ClickHouse
from blocks.cluster import DataFlowCluster, PbxNode
from blocks.docker_host import DockerHost
from blocks.pbx import PbxApi
from blocks.ssh import SshHost

if TYPE_CHECKING:
    from tests.sandbox.host import Host
    from tests.sandbox.world import World


def cluster_block(world: World, name: str) -> DataFlowCluster:
    """The cluster's block, with quick pauses; nothing of the guide is lowered where the world needs it not."""
    return DataFlowCluster(
        name=name,
        control=ssh_block(world.control),
        server=ssh_block(world.server),
        pbx=PbxApi(
            host="127.0.0.1",
            port=world.pbx.port,
            user=world.pbx.username,
            password=SecretStr(world.pbx.password),
            verification="fingerprint",
            fingerprint=world.pbx.fingerprint,
            first_pause=0.1,
        ),
        docker=DockerHost(),
        clickhouse=ClickHouse(),
        private_address=world.server.address,
        nodes=[PbxNode(address=host.address, host_key=host.host_key) for host in (world.second, world.third)],
        pbx_address=world.virtual_ip,
        settle_pause=0.3,
        settle_timeout=60,
        **world.block_settings,
    )


def ssh_block(host: Host) -> SshHost:
    """Sign-in to one host with its password."""
    return SshHost(
        host=host.ssh_host,
        port=host.ssh_port,
        user=host.user,
        password=SecretStr(host.password),
        host_key=host.host_key,
    )


def save(world: World, name: str, **settings: object) -> DataFlowCluster:
    """Save all of them, nested ones first, so that each can also be opened by itself in the UI."""
    cluster = cluster_block(world, name).model_copy(update=settings)
    with schemas_made_once():
        cluster.control.save(f"{name}-control", overwrite=True)
        cluster.server.save(f"{name}-server", overwrite=True)
        cluster.pbx.save(name, overwrite=True)
        cluster.docker.save(name, overwrite=True)
        cluster.clickhouse.save(name, overwrite=True)
        cluster.save(name, overwrite=True)
    return cluster


@contextmanager
def schemas_made_once() -> Iterator[None]:
    """Save blocks in two seconds instead of ten and more: Prefect makes each class's schema anew hundreds of times."""
    made = cache(Block.model_json_schema.__func__)

    def remembered(cls: type[Block], /, **options: Any) -> dict[str, Any]:
        return deepcopy(made(cls, **options))  # Prefect edits what it gets

    with patch.object(Block, "model_json_schema", classmethod(remembered)):
        yield
