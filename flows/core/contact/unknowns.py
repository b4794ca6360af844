"""What the vendor's documents leave open, as a table: each with the function that answers it from what was seen."""

from __future__ import annotations

from collections.abc import Callable

from flows.core.contact import unknown_hosts as hosts
from flows.core.contact import unknown_pbx as pbx
from flows.core.contact.answer import Answer, State
from flows.core.contact.seen import Seen

UNKNOWNS: tuple[tuple[str, Callable[[Seen], Answer]], ...] = (
    ("Endpoints of Data Flow's token and server row, and their keys", pbx.token_endpoints),
    ("Reply of the Data Flow status, and from which version on", pbx.status_reply),
    ("Form of the sign-in, second factor, how it fails, how long a token lives", pbx.sign_in),
    ("How a throttled request is answered", pbx.rate_limit),
    ("How a blocked address finds the PBX", pbx.blacklisted),
    ("Form of the IP list's entries, their latest end, doubles", pbx.rules),
    ("How dataflow.sh works inside", hosts.inside_script),
    ("Whether the PBX's firewall lets the server in", hosts.firewall),
    ("Names, folder and health checks of the containers", hosts.containers),
    ("Ports of the PBX that Data Flow uses", hosts.ports),
    ("How long each verb and a pull takes", hosts.durations),
    ("Path of the script, user, key, sudo, name of the control node", hosts.accounts),
    ("Which ClickHouse image goes with which PBX", hosts.images),
    ("Whether data can go back to an older version", hosts.downgrade),
    ("Certificate and name of the portal", pbx.trust),
    ("Words of ha_ctl.sh", hosts.ha_status),
)


def answers(seen: Seen) -> tuple[tuple[str, Answer], ...]:
    """Every unknown with what became of it."""
    return tuple((title, answer(seen)) for title, answer in UNKNOWNS)


def tally(seen: Seen) -> str:
    """`9 of 16 unknowns answered, 4 in part`."""
    states = [answer.state for _, answer in answers(seen)]
    whole, parts = states.count(State.ANSWERED), states.count(State.PARTLY)
    return f"{whole} of {len(states)} unknowns answered, {parts} in part"
