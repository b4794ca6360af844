"""Goes through one door of a cluster: what was seen behind it, or why it stayed shut; neither fails the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from blocks.pbx import PbxApi
from blocks.ssh import SshHost
from flows.core.change import Outcome, Told
from flows.core.contact.clean import readable
from flows.core.contact.seen import Door
from flows.errors import DataFlowError
from flows.tasks.policy import told

T = TypeVar("T")
Met = tuple[Door, T | None]


def through(
    name: str, block: PbxApi | SshHost, look: Callable[[], tuple[T, Sequence[str]]], said: Callable[[T], str]
) -> Told[Met[T]]:
    """Look once, without another try: a person waits, and one sign-in is what was promised.

    `look` gives what it saw and what it asked; `said` makes the task's message of it.
    """
    door = Door(name, readable(block.where), block=block._block_document_name or "")
    try:
        seen, asked = look()
    except DataFlowError as error:
        door = replace(door, trouble=readable(str(error)))
        return told(Outcome(f"meet-{name.lower()}", None, f"not seen: {door.trouble}"), (door, None))
    return told(Outcome(f"meet-{name.lower()}", None, said(seen)), (replace(door, asked=tuple(asked)), seen))
