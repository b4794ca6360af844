"""The stand-ins for the vendor's scripts as texts, and the one that tells the cluster's state."""

from __future__ import annotations

import re
import subprocess
from itertools import product
from pathlib import Path

from tests.sandbox import vendor
from tests.sandbox.host import Host


def said(control: Host, verb: str) -> str:
    """What ha_ctl.sh prints."""
    words = ["/bin/bash", str(control.path(f"{vendor.FOLDER}/ha_ctl.sh")), verb]
    return subprocess.run(words, env=control.environment, capture_output=True, text=True, timeout=20).stdout


def test_the_steps_can_be_read_from_the_script() -> None:
    """They are numbered without a gap, and each one is done by something."""
    for name, compose in product(vendor.VARIANTS, (False, True)):
        text = vendor.script(name, compose=compose)
        steps = vendor.steps(text)
        assert list(steps) == list(range(1, len(steps) + 1))
        assert all(re.search(rf"\b(step_{n}\(\)|begin {n}\b)", text) for n in steps)
        assert not re.search(r"@[A-Z_]+@", text)


def test_the_cluster_tells_its_state(tmp_path: Path) -> None:
    """Healthy by default in both forms, and whatever a test writes instead."""
    with Host("pbx01", tmp_path / "pbx01", "192.168.1.21", password="x") as control:
        vendor.install(control)
