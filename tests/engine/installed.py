"""A server on which the service runs for long: the vendor's script installs it, on data and images that are there."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.kept import Installation
from tests.sandbox import vendor
from tests.sandbox.data_template import ensure_template
from tests.sandbox.registry import NEW_PBX, OLD_PBX

if TYPE_CHECKING:
    from tests.engine.lab import Lab

_INSIDE = "/var/lib/clickhouse"
_BORN = ".born-at"


def _fill_data(lab: Lab, folder: Path) -> None:
    """Put the data of an older installation where the data path of the server will be."""
    data = folder / "clickhouse" / "data"
    template = ensure_template(lab.installed, lab.history_rows)
    shutil.copytree(template, data, symlinks=True)
    born = (data / _BORN).read_text()
    for link in (*data.glob("metadata/*"), *data.glob("data/*/*")):
        # 24.x writes absolute links; what they name is the folder inside the container.
        if link.is_symlink() and (place := os.readlink(link)).startswith(born):  # noqa: PTH115 - keeps a last slash
            link.unlink()
            os.symlink(place.replace(born, _INSIDE, 1), link)  # noqa: PTH211
    (data / _BORN).unlink()
    (data / "uuid").write_text(str(uuid.uuid4()))
    record = folder / "dataflow" / "system.ini"
    record.parent.mkdir()
    record.write_text(f"[dataflow]\npassword={secrets.token_urlsafe(18)[:20]}\n")
    record.chmod(0o600)


def prepare_folders(lab: Lab, docker_folder: Path, data_folder: Path) -> None:
    """Fill the folders of a server that will be switched on: a kept installation, or what one is made from."""
    kept = Installation(lab)
    if kept.there:
        kept.put_back(docker_folder, data_folder)
    else:
        lab.shared.fill_docker_folder(docker_folder, lab.installed)
        _fill_data(lab, data_folder)


def install(lab: Lab, folder: Path) -> None:
    """The service of long ago runs again, or the script installs it and it is kept for the next time."""
    kept = Installation(lab)
    if kept.there:
        kept.put_script_folder(lab)
        lab.control.write(f"{vendor.FOLDER}/.dataflow_server", f"{lab.server.address}\n", 0o666)
        _wait_registered(lab)
    else:
        lab.making = True
        _run_script(lab)
        _wait_registered(lab)
        lab.making = False
        kept.keep(lab, folder / "docker", folder / "data")
        lab.pbx.data_flow.row["private_ipv4"] = None
        _wait_registered(lab)
    vendor.start_over(lab.control)


def _run_script(lab: Lab) -> None:
    """Let the script install, with the PBX image before today's."""
    words = f"-p /var/lib/portsip -a {lab.server.address} -i portsip/pbx:22 -d portsip/clickhouse:{lab.installed}"
    script = f"/bin/bash {vendor.FOLDER}/dataflow.sh run {words}"
    lab.publish_pbx(OLD_PBX)
    try:
        lab.control.run("su", "--login", lab.control.user, "-c", script)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{_logs(lab, vendor.VARIANTS[lab.variant].database)}") from error
    finally:
        lab.publish_pbx(NEW_PBX)


def _wait_registered(lab: Lab) -> None:
    deadline = time.monotonic() + 240
    while not lab.pbx.data_flow.row["private_ipv4"]:
        if time.monotonic() > deadline:
            shape = vendor.VARIANTS[lab.variant]
            logs = "\n".join(_logs(lab, name) for name in (shape.writer, shape.database))
            raise RuntimeError(f"the service does not register:\n{lab.server.run('docker', 'ps', '-a')}\n{logs}")
        time.sleep(0.05)


def _logs(lab: Lab, name: str) -> str:
    return f"docker logs {name}: {lab.server.run('docker', 'logs', '--tail', '20', name, check=False)[-2000:]}"


def remove_folder(folder: Path) -> None:
    """Remove the folders of a lab's server, whose containers are gone; Python takes seconds for so many files."""
    subprocess.run(["rm", "-rf", "--", folder], check=True)
