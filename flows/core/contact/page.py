"""The one file of a first contact, as Markdown: short enough to be read before it is sent to anyone."""

from __future__ import annotations

from collections.abc import Iterable

from flows.core.contact.answer import State
from flows.core.contact.page_hosts import control, database, server
from flows.core.contact.proposal import proposal
from flows.core.contact.seen import PbxSeen, Seen
from flows.core.contact.unknowns import answers, tally
from flows.core.words import duration, table, utc

NOTE = """**Read this before you send it to anyone.** It holds private addresses, names of hosts, containers, databases
and tables, file names beside the vendor's script, row counts, and what the HA cluster says of itself. It holds no
password, token, row or phone number, of the PBX's replies only keys and types, and public addresses are taken out.
Nothing was changed on any system; each notes as always that somebody signed in or used sudo, and ClickHouse may note
our questions in its log."""


def summary(seen: Seen) -> str:
    """One line for the run's state."""
    shut = ", ".join(door.name for door in seen.doors if door.trouble)
    doors = f"{seen.opened} of {len(seen.doors)} doors opened" + (f" (shut: {shut})" if shut else "")
    version = f"PBX {seen.pbx.version}; " if seen.pbx and seen.pbx.version else ""
    return f"{doors}; {version}{tally(seen)}"


def markdown(seen: Seen) -> str:
    """The whole page."""
    sections = (
        f"# First contact: {summary(seen)}",
        NOTE.replace("\n", " "),
        f"Seen on {utc(seen.made)}.",
        _doors(seen),
        _fields(seen),
        _pbx(seen.pbx),
        control(seen.control),
        server(seen.server),
        database(seen.server),
        _unknowns(seen),
        _asked(seen),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _doors(seen: Seen) -> str:
    rows = [(d.name, d.where, f"not seen: {d.trouble}" if d.trouble else "opened") for d in seen.doors]
    return "## Doors\n\n" + table(("door", "where", ""), rows)


def _fields(seen: Seen) -> str:
    fields = proposal(seen)
    found = [(f.title, f"`{f.value}`", f.why) for f in fields if f.value]
    person = [(f.title, f.why) for f in fields if not f.value]
    parts = ["## Fields of the *Data Flow Cluster* block"]
    if found:
        parts += ["Found; a field that is not listed may stay as the form shows it:"]
        parts += [table(("field", "value", "from"), found)]
    return "\n\n".join((*parts, "A person has to say:", table(("field", "why"), person)))


def _pbx(pbx: PbxSeen | None) -> str:
    if pbx is None:
        return ""
    enough = {True: "enough for Data Flow", False: "**not enough** for Data Flow", None: "not told"}
    facts = [
        ("Version", pbx.version or "not told"),
        ("Sign-in", f"POST {pbx.sign_in}"),
        ("A token lives", duration(pbx.token_life) if pbx.token_life else "not told"),
        ("Rights", f"{enough[pbx.enough_rights]}: {', '.join((pbx.role or 'role not told', *pbx.rights))}"),
        (
            "Certificate",
            f"{pbx.verification}; ends {utc(pbx.certificate_end)}" if pbx.certificate_end else pbx.verification,
        ),
    ]
    return "\n\n".join(
        (
            "## PBX",
            table(("", ""), facts),
            "What each GET was answered, by its keys and types; ? marks a key that not every item has:",
            table(("GET", "status", "reply"), _replies(pbx)),
        )
    )


def _replies(pbx: PbxSeen) -> list[tuple[object, ...]]:
    """One row for each answer; who answered the same shares it."""
    alike: dict[tuple[int, str], list[str]] = {}
    for reply in pbx.replies:
        said = f"`{reply.shape}`" if reply.shape else reply.trouble
        alike.setdefault((reply.status, said), []).append(f"`{reply.path}`")
    return [(", ".join(paths), status or "none", said) for (status, said), paths in alike.items()]


def _unknowns(seen: Seen) -> str:
    rows = [(number, title, _bold(a.state), a.said) for number, (title, a) in enumerate(answers(seen), 1)]
    head = "## What the vendor's documents leave open"
    return f"{head}\n\n" + table(("", "question", "state", "what was seen"), rows)


def _bold(state: State) -> str:
    return f"**{state}**" if state is State.OPEN else str(state)


def _asked(seen: Seen) -> str:
    asked = [f"- {door.name}: {_listed(door.asked)}." for door in seen.doors if door.asked]
    return "## What was asked\n\n" + "\n".join(asked) if asked else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
