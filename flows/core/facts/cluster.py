"""The state of the PBX's High-Availability cluster from the words of `ha_ctl.sh`, in all the forms we know.

On premises `ha_ctl.sh status` prints resources with Masters and Slaves; newer Pacemaker says Promoted and
Unpromoted; on AWS `ha_ctl.sh show` prints the whole `pcs status`.
"""

from __future__ import annotations

import re

_RESOURCE = re.compile(r"^[\s*]*([\w.:-]+)\s+\(([\w.:-]+:[\w.:-]+)\)\s*:\s*(\S.*)$", re.MULTILINE)
_CLONE = re.compile(r"^[\s*]*(?:Master/Slave|Clone) Set:\s*(\S+)(.*)$", re.MULTILINE)
_MASTERS = re.compile(r"^[\s*]*(?:Masters|Promoted):\s*\[\s*(\S.*?)\s*\]", re.MULTILINE)
_STOPPED = re.compile(r"^[\s*]*(Stopped|FAILED|Offline|OFFLINE)[^:\n]*:\s*\[\s*(\S.*?)\s*\]", re.MULTILINE)
_NODE = re.compile(
    r"^[ \t*]*(?:Remote)?Node[ \t]+([\w.-]+)(?:[ \t]*\([^)]*\))?:"
    r"[ \t]*(.*(?:standby|UNCLEAN|offline|maintenance|pending).*)$",
    re.MULTILINE | re.IGNORECASE,
)
_DAEMON = re.compile(r"^[\s*]*(corosync|pacemaker|pcsd):\s*(\w+)/(\w+)", re.MULTILINE)
_FAILED_ACTIONS = re.compile(r"^[\s*]*Failed (?:Resource )?Actions:\s*\n((?:[ \t]*\*.*\n?)*)", re.MULTILINE)


def _resource_trouble(text: str) -> list[str]:
    found = []
    for name, _, state in _RESOURCE.findall(text):
        healthy = re.match(r"(?:Started|Master|Slave|Promoted|Unpromoted)\b", state) and "FAILED" not in state
        if not healthy or re.search(r"\b(?:blocked|unmanaged)\b", state, re.IGNORECASE):
            found.append(f"{name} is {state.strip()}")
    return found


def _set_trouble(text: str) -> list[str]:
    found = []
    for match in _CLONE.finditer(text):
        block = text[match.end() :].split("Set:", 1)[0]
        promotable = "Master/Slave" in match.group(0) or "promotable" in match.group(2)
        if promotable and not _MASTERS.search(block):
            found.append(f"{match.group(1)} has no active node")
    return found


def _cluster_trouble(text: str) -> list[str]:
    found = [f"{word.lower()}: {names}" for word, names in _STOPPED.findall(text)]
    found += [f"node {name} is {state.strip()}" for name, state in _NODE.findall(text)]
    if "WITHOUT quorum" in text:
        found.append("the cluster has no quorum")
    found += [f"{name} is {state}" for name, state, _ in _DAEMON.findall(text) if state != "active"]
    for actions in _FAILED_ACTIONS.findall(text):
        found += [f"failed action {line.strip(' *')}" for line in actions.splitlines() if line.strip(" *")]
    return found


def parse_ha_status(text: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the cluster is healthy, and what is not; a text without any resource raises ValueError."""
    resources = _RESOURCE.findall(text)
    if not resources:
        raise ValueError("no resource in the answer of ha_ctl.sh")
    trouble = _resource_trouble(text) + _set_trouble(text) + _cluster_trouble(text)
    if not any(name == "pbx" or kind.endswith(":pbx") for name, kind, _ in resources):
        trouble.append("no pbx resource is listed")
    return not trouble, tuple(trouble)
