"""The network of one lab: a bridge without a way out, in a range of addresses that this machine does not use."""

from __future__ import annotations

import ipaddress
import re
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import docker.errors
from docker.types import IPAMConfig, IPAMPool

from tests.engine.engine import Engine, program

RANGES = tuple(f"10.213.{number}" for number in range(77, 97))
"""The first three parts of the addresses of each."""


class Network:
    """A context manager; `address(26)` is the 26th address. Of `ranges` the first free one is taken."""

    def __init__(self, engine: Engine, ranges: Sequence[str] = RANGES) -> None:
        self._engine, self._ranges = engine, ranges
        self.name = f"lab-{secrets.token_hex(3)}"  # also the bridge's, which may have 15 characters

    def __enter__(self) -> Self:
        _remove_stale_rules()
        if not any(self._create(one) for one in _free(self._ranges)):
            raise RuntimeError("no range of addresses is free for the lab")
        self._let_through = _filters_bridges() and _run("iptables", "--wait", "--insert", "FORWARD", *self._rule)
        return self

    def _create(self, range_: str) -> bool:
        """Make it in this range; false where another process was quicker."""
        self._range = range_
        pool = IPAMPool(subnet=f"{range_}.0/24", gateway=self.address(1))
        try:
            self._network = self._engine.client.networks.create(
                self.name,
                driver="bridge",
                internal=True,
                ipam=IPAMConfig(pool_configs=[pool]),
                options={"com.docker.network.bridge.name": self.name},
            )
        except docker.errors.APIError as error:
            if "overlap" not in str(error.explanation):
                raise
            return False
        return True

    def __exit__(self, *problem: object) -> None:
        if self._let_through:
            _run("iptables", "--wait", "--delete", "FORWARD", *self._rule)
        self._network.remove()

    @property
    def _rule(self) -> list[str]:
        return ["--in-interface", self.name, "--out-interface", self.name, "--jump", "ACCEPT"]

    def address(self, number: int) -> str:
        """One address of the network."""
        return f"{self._range}.{number}"

    def in_it(self, text: str) -> str:
        """A text with the guide's example addresses replaced by those here."""
        return text.replace("192.168.1.", f"{self._range}.")


def _filters_bridges() -> bool:
    """Whether a firewall of this machine (such as another Docker's) also judges what passes inside a bridge."""
    switch = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    return switch.exists() and switch.read_text().strip() == "1"


def _remove_stale_rules() -> None:
    """Take away what a lab left that was killed: rules for bridges that are not there any more."""
    words = [program("iptables"), "--wait", "--list-rules", "FORWARD"]
    rules = subprocess.run(words, check=False, capture_output=True, text=True).stdout
    for rule in re.findall(r"^-A (FORWARD -i (lab-[0-9a-f]{6}) -o \2 -j ACCEPT)$", rules, re.MULTILINE):
        if not Path("/sys/class/net", rule[1]).exists():
            _run("iptables", "--wait", "--delete", *rule[0].split())


def _run(name: str, *words: str) -> bool:
    return subprocess.run([program(name), *words], check=False, capture_output=True).returncode == 0


def _free(ranges: Sequence[str]) -> Iterator[str]:
    """Those to which this machine has no route yet."""
    used = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        place, mask = (ipaddress.ip_address(bytes.fromhex(fields[n])[::-1]) for n in (1, 7))
        if int(mask):
            used.append(ipaddress.ip_network(f"{place}/{mask}"))
    for one in ranges:
        if not any(ipaddress.ip_network(f"{one}.0/24").overlaps(other) for other in used):
            yield one
