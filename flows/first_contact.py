"""First contact: what a cluster that these flows have never seen answers; it only reads, and needs no cluster block."""

from __future__ import annotations

import time
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from blocks.pbx import PbxApi
from blocks.ssh import SshHost
from flows.core.change import Told
from flows.core.contact.page import markdown, summary
from flows.core.contact.seen import ControlSeen, Door, PbxSeen, Seen, ServerSeen
from flows.forms import titled
from flows.recorded import redact_values
from flows.tasks.contact_control import meet_control
from flows.tasks.contact_door import Met
from flows.tasks.contact_file import contact_file, write_contact
from flows.tasks.contact_pbx import meet_pbx
from flows.tasks.contact_server import meet_server

Folder = r"^(/[A-Za-z0-9_.-]+)+$"


@flow(name="first-contact", flow_run_name="first contact with {pbx.host}")
def first_contact(
    pbx: Annotated[PbxApi, titled("PBX")],
    control: Annotated[SshHost, titled("Control node")],
    server: Annotated[str, titled("Data Flow server")] = "",
    script_folder: Annotated[str, titled("Script folder", pattern=Folder)] = "/opt/portsip-pbx-ha-guide",
    folder: Annotated[str, titled("Folder")] = "",
) -> State[str]:
    """See a PBX cluster for the first time, and change nothing anywhere: what does it answer, what is still unknown?

    Asks the PBX (one sign-in, then GET only), pbx01 (the vendor's scripts as text; of them only the status of the HA
    cluster is run) and the server (Docker, ClickHouse). Proposes the fields of the Data Flow Cluster block. The page
    holds no secret; read it before you send it to anyone. A door that stays shut is told; the run fails only where
    all do, and is called Warning where one does.

    Args:
        pbx: The saved PBX API block. Its address is the virtual IP.
        control: The saved SSH Host block of pbx01. Where no host key is pinned yet, the page shows the one to compare.
        server: Name of the saved SSH Host block of the Data Flow server; empty while there is none.
        script_folder: Folder on pbx01 that holds the vendor's HA scripts.
        folder: Folder of the worker for the file; empty means first-contacts in Prefect's home.
    """
    seen, blocks = _see(pbx, control, server, script_folder)
    text = redact_values(markdown(seen), pbx, control, *blocks)
    create_markdown_artifact(text, key="first-contact", description=redact_values(summary(seen), pbx, control, *blocks))
    place = contact_file(folder, seen.made)
    problem = write_contact(place, text)
    if not problem:
        get_run_logger().info("Written to %s; read it before you send it to anyone", place)
    return _ended(seen, problem or str(place), failed=bool(problem))


def _see(pbx: PbxApi, control: SshHost, server: str, folder: str) -> tuple[Seen, list[SshHost]]:
    made = time.time()
    met: Told[Met[PbxSeen]] = meet_pbx(pbx, return_state=True).result()
    pbx_door, pbx_seen = met.value
    there: Told[Met[ControlSeen]] = meet_control(control, folder, return_state=True).result()
    control_door, control_seen = there.value
    variables = (control_seen.variables if control_seen else None) or {}
    addresses = [variables.get("vip", ""), pbx_seen.private_address if pbx_seen else "", pbx.host]
    server_door, server_seen, blocks = _server(server, [address for address in dict.fromkeys(addresses) if address])
    doors = (pbx_door, control_door, server_door)
    return Seen(made, folder, doors, pbx_seen, control_seen, server_seen), blocks


def _server(name: str, pbx_addresses: list[str]) -> tuple[Door, ServerSeen | None, list[SshHost]]:
    if not name:
        return Door("server", "", "no SSH Host block was named for it"), None, []
    try:
        block = SshHost.load(name)
    except ValueError as error:
        missing = "Unable to find block document" in str(error)
        why = f"there is no saved SSH Host block {name!r}" if missing else str(error)
        return Door("server", "", why), None, []
    assert isinstance(block, SshHost)
    found: Told[Met[ServerSeen]] = meet_server(block, pbx_addresses, return_state=True).result()
    return (*found.value, [block])


def _ended(seen: Seen, where: str, *, failed: bool) -> State[str]:
    message = f"{summary(seen)}; {where}"
    if failed or not seen.opened:
        return Failed(message=message)
    shut = any(door.trouble for door in seen.doors)
    return Completed(name="Warning" if shut else None, message=message, data=None)
