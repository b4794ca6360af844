"""Rules about the control node: it is pbx01, with the script, the key, and a healthy cluster."""

from __future__ import annotations

from flows.core.addresses import same
from flows.core.facts.cluster import parse_ha_status
from flows.core.findings import Level
from flows.core.preflight.rule import Unknown, known, of, rule
from flows.core.snapshot import Snapshot
from flows.core.wish import Wish, pbx_image

DEPLOY = "Step 5"
LOGIN = "Step 4"


@rule(
    "control.script-missing",
    lowerable=False,
    hint="Unpack the vendor's HA tarball on pbx01, or correct the script's folder and name in the block.",
    guide=DEPLOY,
)
def script_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """cd /opt/portsip-pbx-ha-guide/ && /bin/bash dataflow.sh run."""
    path = f"{wish.script_folder}/{wish.script_name}"
    there = known(snapshot.script.present, f"whether {path} is on {snapshot.control.name}")
    return None if there else f"{snapshot.control.name} has no {path}"


@rule("control.not-pbx01", hint="Name pbx01 as the control node, whichever node is active.", guide=DEPLOY)
def not_pbx01(snapshot: Snapshot, wish: Wish) -> str | None:
    """All commands must be executed on the pbx01 node, regardless of whether it is currently active."""
    control = snapshot.control
    wanted = known(snapshot.script.variables, f"vars.yml of {control.name}").get("pbx01_private_ip", "")
    known(wanted or None, f"the address of pbx01 (vars.yml of {control.name} does not name it)")
    addresses = [item.address for item in of(control, control.addresses, "the addresses")]
    if any(same(address, wanted) for address in addresses):
        return None
    return f"{control.name} is not pbx01: by vars.yml that has the address {wanted}, this machine has not"


@rule(
    "control.python",
    hint="sudo apt install python3 on pbx01: the script is started and followed by it.",
    guide=DEPLOY,
)
def python(snapshot: Snapshot, wish: Wish) -> str | None:
    """Do not interrupt the process or close the terminal (what sees to that is a program in Python 3)."""
    control = snapshot.control
    there = of(control, control.python, "whether Python 3 is there")
    return None if there else f"{control.name} has no python3"


@rule(
    "control.ha-unhealthy",
    hint="Run `sudo /bin/bash ha_ctl.sh status` on pbx01; when a failure is over: sudo pcs resource cleanup.",
    guide="Prerequisites",
)
def ha_unhealthy(snapshot: Snapshot, wish: Wish) -> str | None:
    """Ensure the PBX HA cluster is operating normally."""
    words = known(snapshot.script.ha_status, "the state of the HA cluster (ha_ctl.sh gave none)")
    try:
        healthy, trouble = parse_ha_status(words)
    except ValueError:
        raise Unknown("the state of the HA cluster (the words of ha_ctl.sh were not understood)") from None
    return None if healthy else f"the HA cluster is not healthy: {'; '.join(trouble)}"


@rule(
    "control.key-missing",
    level=Level.NOTE,
    hint="Nothing to do: the step `ssh-key` makes one.",
    guide=LOGIN,
)
def key_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """ssh-copy-id -i ~/.ssh/id_rsa.pub (which has to exist on pbx01)."""
    key = known(snapshot.script.public_key, f"whether {snapshot.control.name} has an SSH key")
    return None if key else f"{snapshot.control.name} has no ~/.ssh/id_rsa.pub"


@rule(
    "control.login-missing",
    level=Level.WARNING,
    hint="Run the install, whose step `ssh-key` sets it up; or ssh-copy-id as in the guide.",
    guide=LOGIN,
)
def login_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """pbx01 will be able to access the Data Flow server without requiring a password."""
    control, server = snapshot.control.name, snapshot.server.name
    works = known(snapshot.script.logs_in, f"whether {control} logs in to {server} without a password")
    return None if works else f"{control} cannot log in to {server} without a password"


@rule("script.verb-missing", hint="Refresh the vendor's HA scripts on pbx01.", guide="Available Operations")
def verb_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """The following operations are supported: run, start, stop, restart, upgrade, rm."""
    verbs = known(snapshot.script.verbs or None, f"the verbs of {wish.script_name}, which could not be read from it,")
    wanted = wish.verb or "run"
    return None if wanted in verbs else f"{wish.script_name} does not know `{wanted}`, only {', '.join(verbs)}"


def options_needed(snapshot: Snapshot, wish: Wish) -> tuple[str, ...]:
    """The option letters that this install has to pass to `run`."""
    given = (
        ("p", wish.data_path),
        ("a", wish.private_address),
        ("A", wish.public_address),
        ("i", pbx_image(snapshot, wish)),
        ("d", wish.clickhouse_image),
    )
    return tuple(letter for letter, value in given if value)


@rule(
    "script.option-missing",
    hint="Refresh the vendor's HA scripts on pbx01, or empty the setting in the block. A script that does "
    "not know an option may pass over it, and over those behind it, and still exit 0.",
    guide="Command parameters",
)
def option_missing(snapshot: Snapshot, wish: Wish) -> str | None:
    """Command parameters: -p, -d, -a, -A, -i."""
    offered = known(
        snapshot.script.options or None,
        f"the options of {wish.script_name}, which could not be read from it,",
    )
    missing = [f"-{letter}" for letter in options_needed(snapshot, wish) if letter not in offered]
    if not missing:
        return None
    return f"{wish.script_name} does not know {', '.join(missing)}, only {', '.join(f'-{o}' for o in offered)}"


RULES = (
    script_missing,
    not_pbx01,
    python,
    ha_unhealthy,
    key_missing,
    login_missing,
    verb_missing,
    option_missing,
)
