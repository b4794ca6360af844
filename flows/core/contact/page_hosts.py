"""The page's sections about pbx01, the Data Flow server and its ClickHouse."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flows.core.contact.arrival import details, verdict
from flows.core.contact.clean import command_line, shown
from flows.core.contact.script import Script
from flows.core.contact.seen import ControlSeen, HostSeen, ServerSeen
from flows.core.contact.unknown_hosts import no_status
from flows.core.snapshot import Container
from flows.core.words import size, table

MOST_LINES = 60
"""Lines of the HA cluster's answer that are shown."""
MOST_TABLES = 80
"""Tables that are shown."""
_YES = {True: "yes", False: "no", None: "unknown"}


def control(seen: ControlSeen | None) -> str:
    """pbx01: the script, the variables' names, the HA cluster's words."""
    if seen is None:
        return ""
    facts = [*_host(seen.host), ("Script folder", f"`{seen.folder}`"), ("dataflow.sh there", _YES[seen.present])]
    facts += [("sha256", f"`{seen.sha256}`")] if seen.sha256 else []
    facts += _script(seen.script) if seen.script else []
    names = ", ".join(sorted(seen.variables)) if seen.variables is not None else "not read"
    facts += [("Keys of vars.yml", names), ("Files beside it", ", ".join(seen.beside) or "not seen")]
    facts += [("~/.ssh/id_rsa.pub", _YES[seen.key]), ("Verbs of ha_ctl.sh", ", ".join(seen.ha_verbs) or "not read")]
    return "\n\n".join(("## pbx01", table(("", ""), facts), _ha(seen)))


def _script(script: Script) -> list[tuple[str, str]]:
    options = [f"`{letters}`" + (f" in {function}" if function else "") for function, letters in script.options]
    return [
        ("Verbs", ", ".join(script.verbs) or "none found"),
        ("Options (getopts)", "; ".join(options) or "none found"),
        *([("Options (case)", " ".join(script.labels))] if script.labels else []),
        ("Images that it names", ", ".join(script.images) or "none"),
        ("Paths that it names", ", ".join(script.places) or "none"),
        (
            "It speaks of",
            ", ".join(f"{what} ({count})" for what, count in script.mentions) or "nothing that we look for",
        ),
        ("Lines", f"{script.lines}"),
    ]


def _ha(seen: ControlSeen) -> str:
    if not seen.ha_text:
        return f"HA status: not seen: {no_status(seen)}."
    lines = seen.ha_text.splitlines()
    more = f"\n… {len(lines) - MOST_LINES} more lines" if len(lines) > MOST_LINES else ""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", seen.ha_text)), 0)
    shown_lines = "\n".join(lines[:MOST_LINES]) + more
    return f"HA status, by `ha_ctl.sh {seen.ha_verb}`:\n\n{fence}text\n{shown_lines}\n{fence}"


def server(seen: ServerSeen | None) -> str:
    """The Data Flow server: Docker, the service's containers, what an installation saved."""
    if seen is None:
        return ""
    docker = seen.docker
    engine = f"version {docker.version}" if docker.version else docker.trouble or "not installed"
    facts = [
        *_host(seen.host),
        ("Docker", engine),
        ("Data path", f"`{seen.data_path}`" if seen.data_path else "not seen"),
    ]
    facts += [("Saved parameters", _saved(seen)), ("Other containers", str(seen.others))]
    if seen.strangers:
        facts.append(("**Others on the data path**", f"{seen.strangers}: every change would be refused"))
    found = [each for each in (seen.clickhouse, seen.dataflow) if each is not None]
    return "\n\n".join(("## Data Flow server", table(("", ""), facts), _containers(found, seen)))


def _saved(seen: ServerSeen) -> str:
    if seen.saved is None:
        return "not seen: the folders could not be searched"
    return "; ".join(f"`{each.file}`: {', '.join(each.values)}" for each in seen.saved) or "none found"


def _containers(found: Sequence[Container], seen: ServerSeen) -> str:
    if not found:
        return "No container of the service was seen."
    rows = [
        (
            container.name,
            container.image,
            "runs" if container.running else "does not run",
            seen.health_checks.get(container.name) or "none",
            "<br>".join(f"{source} → {inside}" for inside, source in container.mounts.items()),
            f"`{command_line(container.command)}`" if container.command else "",
        )
        for container in found
    ]
    folders = ", ".join(f"`{f}`" for f in dict.fromkeys(c.compose_folder for c in found) if f) or "none"
    said = table(("container", "image", "", "health check", "mounts", "command"), rows)
    return f"{said}\n\nCompose folder: {folders}."


def database(seen: ServerSeen | None) -> str:
    """ClickHouse: version, databases, tables, and how rows arrive."""
    if seen is None:
        return ""
    if seen.database is None:
        return f"## ClickHouse\n\nNot seen: {seen.database_trouble}"
    found = seen.database
    engines = [(name, engine) for name, engine, _, _ in found.tables]
    shown_tables = found.tables[:MOST_TABLES]
    rows = [(n, e, "-" if count is None else f"{count:,}", size(held)) for n, e, count, held in shown_tables]
    more = f"… {len(found.tables) - MOST_TABLES} more" if len(found.tables) > MOST_TABLES else ""
    rows += [(more, "", "", "")] if more else []
    kept = ", ".join(f"{r['name']} ({r['engine']})" for r in found.arrival.rows.get("databases", ())) or "not seen"
    return "\n\n".join(
        (
            "## ClickHouse",
            f"Version {found.version}; databases: {kept}.",
            table(("table", "engine", "rows", "on disk"), rows),
            f"**How rows arrive**: {verdict(found.arrival, engines) or 'not seen'}.",
            details(found.arrival),
        )
    )


def _host(host: HostSeen) -> list[tuple[str, str]]:
    sudo = {True: "without a password", False: "**not** without a password", None: "unknown"}
    return [
        ("Host", f"{host.name or 'not told'}, {host.system or 'system not told'}"),
        ("User, sudo", f"{host.user}, {sudo[host.sudo]}"),
        ("Addresses", ", ".join(map(shown, host.addresses)) or "not told"),
        ("python3", _YES[host.python]),
    ]
