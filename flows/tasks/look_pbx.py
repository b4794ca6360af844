"""Looks at the PBX over its REST API; what it does not tell is unknown, never a guess."""

from __future__ import annotations

from blocks.cluster import DataFlowCluster
from blocks.pbx import PbxClient
from flows.core.snapshot import IpRule, PbxFacts
from flows.errors import APIError


def look_pbx(cluster: DataFlowCluster) -> PbxFacts:
    """Version, addresses, IP list, token state and the registered server, in one signed-in visit.

    Raises `Unreachable` or `AccessDenied`: without the PBX no change can be judged.
    """
    with cluster.pbx.get_client() as pbx:
        token, token_hash, trouble = _token(pbx)
        network = pbx.network()
        return PbxFacts(
            version=pbx.version(),
            private_address=network.private_ipv4 or None,
            public_address=network.public_ipv4 or None,
            ip_rules=ip_rules(pbx),
            token=token,
            token_trouble=trouble,
            token_hash=token_hash,
            registered=registered(pbx),
            worker_address=pbx.local_address,
        )


def ip_rules(pbx: PbxClient) -> tuple[IpRule, ...]:
    """The PBX's IP list as values."""
    return tuple(
        IpRule(r.id, r.cidr, r.target, r.expire_at.timestamp() if r.expire_at else None, r.description)
        for r in pbx.ip_rules()
    )


def registered(pbx: PbxClient) -> tuple[str, ...] | None:
    """The addresses that the PBX shows for its Data Flow server; `None` where this release does not tell."""
    try:
        return pbx.server_row()
    except APIError:
        return None


def _token(pbx: PbxClient) -> tuple[str | None, str, str]:
    try:
        return *pbx.token_seen(), ""
    except APIError as error:
        return None, "", str(error)
