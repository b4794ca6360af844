"""The fields of the *Data Flow Cluster* block as a first contact found them, and those that need a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from flows.core.contact.clean import shown
from flows.core.contact.seen import ControlSeen, Seen, ServerSeen


@dataclass(frozen=True)
class Field:
    """One field of the block by its title in the form: the value ("" where a person has to say it), and why."""

    title: str
    value: str
    why: str


PORTS = (8887, 4222)
"""The PBX's ports that the block's form names."""
BY_HAND = (
    Field("Calls per day, Retention (days)", "", "how much the disk must hold: only you know what you expect"),
    Field("Maintenance window", "", "when a change may be made"),
    Field("Data device", "", "the device under the data path, if an unmounted disk shall be noticed"),
)
"""What no cluster can tell."""


def proposal(seen: Seen) -> tuple[Field, ...]:
    """Each field that the block needs, in the order of its form; all others may keep what the form shows."""
    return (
        Field("Cluster name", "", "the name that you give it, as it shall stand in reports"),
        *_doors(seen),
        *_script(seen),
        *_service(seen),
        _nodes(seen.control),
        *_pbx(seen),
        *BY_HAND,
    )


def agreed(*found: tuple[str, str]) -> tuple[str, str]:
    """The value that all sources give which give one, and who they are; different ones are left to a person."""
    told = [(value, source) for value, source in found if value]
    values = list(dict.fromkeys(value for value, _ in told))
    if len(values) == 1:
        return values[0], ", ".join(source for _, source in told)
    if values:
        return "", "they differ: " + ", ".join(f"{value} ({source})" for value, source in told)
    return "", "not seen"


def _doors(seen: Seen) -> Iterator[Field]:
    titles = {"pbx01": "Control node", "server": "Data Flow server", "PBX": "PBX"}
    for door in sorted(seen.doors, key=lambda each: list(titles).index(each.name)):
        shut = "it did not open, see above" if door.trouble else "the door that opened here"
        yield Field(titles[door.name], "" if door.trouble else door.block or "the block chosen here", shut)
    engine = seen.server.docker if seen.server else None
    there = bool(engine and engine.present and not engine.trouble)
    yield _new_block("Docker", "Docker Host", "its engine answered" if there else "")
    base = seen.server.database if seen.server else None
    yield _new_block("ClickHouse", "ClickHouse", "its password was found on the server" if base else "")


def _new_block(title: str, kind: str, why: str) -> Field:
    return Field(title, f"a {kind} block as its form shows it" if why else "", why or "not seen")


def _script(seen: Seen) -> Iterator[Field]:
    there = seen.control is not None and seen.control.present
    yield Field("Script folder", seen.script_folder if there else "", "the script is there" if there else "not seen")


def _service(seen: Seen) -> Iterator[Field]:
    server = seen.server or None
    yield Field("Data path (-p)", *agreed(*_saved(server, "DATA_PATH"), (server.data_path if server else "", "mounts")))
    private = agreed(*_saved(server, "PRI_IP_ADDRESS"), (_argument(server, "-x"), "its container"))
    if not private[0] and private[1] == "not seen":
        private = _only_address(server)
    yield Field("Private address (-a)", *private)
    public = agreed(*_saved(server, "PUB_IP_ADDRESS"), (_argument(server, "-z"), "its container"))
    if public != ("", "not seen"):
        yield Field("Public address (-A)", shown(public[0]) if public[0] else "", public[1])
    variables = (seen.control.variables if seen.control else None) or {}
    running = (server.dataflow.image, "its container") if server and server.dataflow else ("", "")
    yield Field(
        "PBX image (-i)",
        *agreed((variables.get("pbx_image", ""), "vars.yml"), *_saved(server, "DATAFLOW_IMG"), running),
    )
    running = (server.clickhouse.image, "its container") if server and server.clickhouse else ("", "")
    yield Field("ClickHouse image (-d)", *agreed(*_saved(server, "DB_IMG"), running))


def _only_address(server: ServerSeen | None) -> tuple[str, str]:
    addresses = server.host.addresses if server else ()
    return (addresses[0], "the only one that the server has") if len(addresses) == 1 else ("", "not seen")


def _nodes(control: ControlSeen | None) -> Field:
    if control is None or not control.nodes:
        return Field("Other PBX nodes", "", "vars.yml was not seen, or names none")
    said = "; ".join(f"{n.address}: {n.key or f'no key ({n.trouble})'}" for n in control.nodes)
    return Field("Other PBX nodes", said, "named by vars.yml; compare each key on the node's console first")


def _pbx(seen: Seen) -> Iterator[Field]:
    variables = (seen.control.variables if seen.control else None) or {}
    told = seen.pbx.private_address if seen.pbx else ""
    serving = (_argument(seen.server, "-a"), "its container")
    address = agreed((told, "the PBX"), (variables.get("vip", ""), "vip of vars.yml"), serving)
    yield Field("PBX address for the server", *address)
    used = (seen.server.connections if seen.server else None) or ()
    now = f"; connected now: {', '.join(map(str, used))}" if used else "; which ones are used was not seen"
    yield Field("PBX ports", ", ".join(map(str, dict.fromkeys((*PORTS, *used)))), f"as the form has it{now}")


def _saved(server: ServerSeen | None, key: str) -> tuple[tuple[str, str], ...]:
    files = (server.saved if server else None) or ()
    return tuple((each.values.get(key, ""), each.file.rpartition("/")[2]) for each in files)


def _argument(server: ServerSeen | None, option: str) -> str:
    """The address behind an option of the Data Flow program's command."""
    command = server.dataflow.command if server and server.dataflow else ()
    pairs = dict(pairwise(command))
    value = pairs.get(option, "")
    return value if re.fullmatch(r"[\d.]+|[0-9a-fA-F:]+", value) else ""
