"""The unknowns about the hosts: the vendor's scripts, the containers, the way between server and PBX."""

from __future__ import annotations

from flows.core.contact.answer import Answer, answered, still_open
from flows.core.contact.seen import ControlSeen, Seen

CONTROL_SHUT, SERVER_SHUT = "pbx01 did not open", "the server did not open"


def inside_script(seen: Seen) -> Answer:
    """7: how the script works inside."""
    control = seen.control
    if control is None or control.script is None:
        return still_open(_no_script(control))
    script = control.script
    folder = _compose_folder(seen)
    ansible = "with Ansible" if script.mentioned("Ansible") else "a shell script, no word of Ansible"
    lock = "a lock of its own" if script.mentioned("a lock (flock)") else "no lock of its own"
    said = f"{ansible}; verbs {', '.join(script.verbs) or 'not found'}; letters {script.letters or 'not found'}; {lock}"
    return answered(said + (f"; its folder on the server is {folder}" if folder else ""), "exit codes, prompts")


def firewall(seen: Seen) -> Answer:
    """8: whether the PBX's firewall lets the server in."""
    control, server = seen.control, seen.server
    ways = [
        f"{host}:{port} {'open' if up else 'shut'}" for host, port, up in (server.reachable if server else None) or ()
    ]
    if not ways and (control is None or control.trusted is None):
        return still_open("no firewalld was seen on pbx01, and the server's way to the PBX was not seen")
    trusted = {True: "pbx01's zone trusted lists somebody", False: "pbx01's zone trusted is empty"}
    said = [f"from the server: {', '.join(ways)}"] if ways else []
    said += [trusted[control.trusted]] if control and control.trusted is not None else []
    script = control.script if control else None
    said += ["dataflow.sh speaks of a firewall"] if script and script.mentioned("a firewall") else []
    return answered("; ".join(said)) if ways else answered("; ".join(said), "the server's way to the PBX")


def containers(seen: Seen) -> Answer:
    """9: names, folder and health checks of the containers."""
    server = seen.server
    if server is None:
        return still_open(SERVER_SHUT)
    found = [c for c in (server.clickhouse, server.dataflow) if c is not None]
    if not found:
        return still_open(server.docker.trouble or "no container of the service is there")
    checks = server.health_checks
    names = ", ".join(f"{c.name} (health check: {checks.get(c.name) or 'none'})" for c in found)
    return answered(f"{names}; compose folder {_compose_folder(seen) or 'none'}")


def ports(seen: Seen) -> Answer:
    """10: the ports of the PBX that Data Flow uses."""
    server = seen.server
    if server is None:
        return still_open(SERVER_SHUT)
    if server.connections:
        said = ", ".join(map(str, server.connections))
        return answered(f"connections to the PBX at this moment: {said}", "ports that are used now and then only")
    return still_open("the server has no connection to the PBX now" if server.connections == () else "ss told nothing")


def durations(_: Seen) -> Answer:
    """11: how long a verb takes."""
    return still_open("nothing was run; the report of the first change measures it")


def accounts(seen: Seen) -> Answer:
    """12: path, user, key and sudo."""
    control = seen.control
    if control is None:
        return still_open(CONTROL_SHUT)
    key = {True: "has ~/.ssh/id_rsa.pub", False: "has no ~/.ssh/id_rsa.pub", None: "key not seen"}[control.key]
    there = {True: "there", False: "not there", None: "not seen"}[control.present]
    hosts = [("pbx01", control.host)] + ([("server", seen.server.host)] if seen.server else [])
    sudo = {True: "without a password", False: "not without a password", None: "unknown"}
    said = "; ".join(f"{name}: user {host.user}, sudo {sudo[host.sudo]}" for name, host in hosts)
    return answered(f"the script is {there} in {control.folder}; {said}; pbx01 is {control.host.name} and {key}")


def images(seen: Seen) -> Answer:
    """13: which ClickHouse goes with which PBX."""
    server = seen.server
    if server is None or server.clickhouse is None:
        return still_open(SERVER_SHUT if server is None else "no container of ClickHouse is there")
    version = f" ({server.database.version})" if server.database else ""
    if seen.pbx is None or not seen.pbx.version:
        return answered(f"{server.clickhouse.image}{version} runs", "the PBX's version")
    return answered(f"PBX {seen.pbx.version} with {server.clickhouse.image}{version}")


def downgrade(_: Seen) -> Answer:
    """14: whether data can go back."""
    return still_open("no look can tell; the flows keep a restore point and never start an older engine on newer data")


def ha_status(seen: Seen) -> Answer:
    """16: the words of ha_ctl.sh."""
    control = seen.control
    if control is None:
        return still_open(CONTROL_SHUT)
    if not control.ha_text:
        return still_open(no_status(control))
    read = {True: "we read it as healthy", False: "we read it as unhealthy", None: "we CANNOT read it"}
    how = f"`sudo /bin/bash ha_ctl.sh {control.ha_verb}` answers; {read[control.ha_healthy]}"
    return answered(how) if control.ha_healthy is not None else answered(how, "its form is new to us: see below")


def no_status(control: ControlSeen) -> str:
    """Why the HA cluster's status is not known."""
    if control.ha_verb:
        return f"`ha_ctl.sh {control.ha_verb}` gave no answer, perhaps sudo refused it"
    return "ha_ctl.sh was not read, or its text shows neither status nor show: it was not run"


def _no_script(control: ControlSeen | None) -> str:
    if control is None:
        return CONTROL_SHUT
    return "there is no such script" if control.present is False else "the script could not be read"


def _compose_folder(seen: Seen) -> str:
    server = seen.server
    found = [c.compose_folder for c in ((server.clickhouse, server.dataflow) if server else ()) if c]
    return next(filter(None, found), "")
