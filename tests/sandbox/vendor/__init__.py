"""Our own stand-ins for the scripts that the vendor ships for the control node, in two shapes of `dataflow.sh`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.host import Host

HERE = Path(__file__).parent
FOLDER = "/opt/portsip-pbx-ha-guide"
SETTINGS, MACHINE = "/etc/sandbox-script.conf", "/etc/sandbox-machine.conf"
WRITTEN = ("/run/sandbox-script-step", "/run/sandbox-starts")
FAILURES = ("exit", "error-line", "hang", "ask", "kill")
_STEP = re.compile(r"^# step (\d+): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Variant:
    """What differs between the shapes: options of `upgrade`, folder on the server, names, form of the saved values."""

    upgrade_options: str
    folder: str
    database: str
    writer: str
    quote: str


VARIANTS = {
    "22.3": Variant("i:", "/opt/portsip/dataflow-server-only", "portsip.clickhouse", "portsip.dataflow", ""),
    "22.8": Variant("i:d:", "/opt/portsip/dataflow-22/7f3a91", "portsip.dataflow-db", "portsip.dataflow-7f3a91", '"'),
}


def script(version: str, *, compose: bool = False) -> str:
    """The text of `dataflow.sh` in this shape; with `compose` it drives a real `docker compose` on the server."""
    variant = VARIANTS[version]
    words = {
        "ON_SERVER": (HERE / ("on_server_compose.sh" if compose else "on_server.sh")).read_text().rstrip(),
        "VERSION": version,
        "UPGRADE_OPTIONS": variant.upgrade_options,
        "FOLDER": variant.folder,
        "DATABASE": variant.database,
        "WRITER": variant.writer,
        "QUOTE": variant.quote,
    }
    text = (HERE / "dataflow.sh").read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def steps(text: str) -> dict[int, str]:
    """The numbered steps that the script lists in its comments."""
    return {int(number): name for number, name in _STEP.findall(text)}


def install(
    host: Host, version: str = "22.3", folder: str = FOLDER, *, compose: bool = False, **machine: object
) -> None:
    """Put the scripts and the cluster's variables on the control node.

    `machine` are settings that stay when a test settles others: what the script lists for a real engine.
    """
    host.write(f"{folder}/dataflow.sh", script(version, compose=compose), 0o755)
    if compose:  # there the user may not write where root may; these three the script writes itself
        host.write(MACHINE, _lines(machine))
        for place in (*WRITTEN, f"{folder}/.dataflow_server"):
            host.write(place, "", 0o666)
    host.write(f"{folder}/ha_ctl.sh", (HERE / "ha_ctl.sh").read_text(), 0o755)
    host.write(f"{folder}/res/vars.yml", (HERE / "vars.yml").read_text())


def settle(host: Host, **settings: object) -> None:
    """Set the words that dataflow.sh lists (SECONDS_PER_STEP, FAIL_AT_STEP, …); one not named has its default."""
    host.write(SETTINGS, _lines(settings))


def start_over(host: Host) -> None:
    """Forget what earlier calls of the script left, and let the next ones go well and waste no time."""
    settle(host, SECONDS_PER_STEP=0)
    host.path("/run/sandbox-go-on").unlink(missing_ok=True)
    for place in WRITTEN:
        host.write(place, "", 0o666)


def _lines(settings: dict[str, object]) -> str:
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in settings.items())


def current_step(host: Host) -> int:
    """The step that the script began last; 0 before the first."""
    place = host.path(WRITTEN[0])
    return int(place.read_text() or 0) if place.exists() else 0


def let_go_on(host: Host) -> None:
    """Let a script that hangs (`FAIL_HOW=hang`) go on."""
    host.write("/run/sandbox-go-on", "")
